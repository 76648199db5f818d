/** Port and memory buses, interrupt lines and the devices' clock. */
@NullMarked
package jcrosvm.bus;

import org.jspecify.annotations.NullMarked;
