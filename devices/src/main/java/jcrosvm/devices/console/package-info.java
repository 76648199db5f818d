/**
 * The console device (virtio 1.3, 5.3): one port, or several with control queues. Threads of {@code jcrosvm.serial} write
 * its output and read its input; between them and the rings is a bounded buffer, so a terminal that is slow slows the guest
 * down and loses nothing.
 */
@NullMarked
package jcrosvm.devices.console;

import org.jspecify.annotations.NullMarked;
