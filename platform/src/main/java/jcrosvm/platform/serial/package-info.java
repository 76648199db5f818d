/** The UARTs and debug consoles that a guest sees of {@code --serial}. */
@NullMarked
package jcrosvm.platform.serial;

import org.jspecify.annotations.NullMarked;
