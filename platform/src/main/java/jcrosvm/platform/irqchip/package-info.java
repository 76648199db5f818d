/** Interrupt controllers and timer of the PC in user space. */
@NullMarked
package jcrosvm.platform.irqchip;

import org.jspecify.annotations.NullMarked;
