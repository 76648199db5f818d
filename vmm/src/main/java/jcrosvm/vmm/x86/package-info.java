/** The board of an x86-64 machine. Nothing else in this module names a device or a register of x86. */
@NullMarked
package jcrosvm.vmm.x86;

import org.jspecify.annotations.NullMarked;
