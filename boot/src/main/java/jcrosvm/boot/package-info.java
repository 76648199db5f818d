/** Kernel loaders and the tables that a guest boots from. */
@NullMarked
package jcrosvm.boot;

import org.jspecify.annotations.NullMarked;
