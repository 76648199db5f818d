/**
 * The console device (virtio 1.3, 5.3): one port, or several with a control queue. What a port is connected to is a pair of
 * descriptors; nothing is buffered between them and the rings, so a terminal that is slow slows the guest down and loses
 * nothing.
 *
 * <p>No option of {@code run} makes one yet.
 */
@NullMarked
package jcrosvm.devices.console;

import org.jspecify.annotations.NullMarked;
