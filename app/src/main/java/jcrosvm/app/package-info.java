/** The jcrosvm program. */
@NullMarked
package jcrosvm.app;

import org.jspecify.annotations.NullMarked;
