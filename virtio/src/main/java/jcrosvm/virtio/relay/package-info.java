/**
 * A ring between the driver's ring and that of a backend that writes guest memory from outside of this process. The
 * software processor, and whatever else keeps track of writes, learns of such writes here, before the driver does.
 */
@NullMarked
package jcrosvm.virtio.relay;

import org.jspecify.annotations.NullMarked;
