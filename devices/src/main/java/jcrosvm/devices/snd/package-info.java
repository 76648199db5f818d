/**
 * The sound device (virtio 1.3, 5.14): control, event, transmit and receive queue, on one thread. What it plays and captures
 * goes to and comes from a backend of {@code jcrosvm.sound}.
 *
 * <p>Periods wait in their queue until the host's clock asks for them. A queue may stop and start at any time: streams stand
 * still meanwhile, and requests that were taken and not played go back into the ring.
 */
@NullMarked
package jcrosvm.devices.snd;

import org.jspecify.annotations.NullMarked;
