/** The machine. */
@NullMarked
package jcrosvm.vmm;

import org.jspecify.annotations.NullMarked;
