/**
 * What a virtio device is, and the rings it shares with its driver (Virtual I/O Device specification 1.3).
 *
 * <p>A {@link jcrosvm.virtio.VirtioDevice} knows neither its transport nor the process it is in. Its life: new, then
 * {@code attach}ed to a host, then {@code negotiated}, then queues start and stop one by one, each stop handing back
 * where the queue stood, then {@code reset}, after which it may be negotiated again. Everything that crosses this
 * interface can also cross a vhost-user connection: bytes, descriptors, guest addresses, queue states.
 *
 * <p>The work on queues is a {@link jcrosvm.virtio.QueueHandler}'s, run by a {@link jcrosvm.virtio.QueueWorker}.
 */
@NullMarked
package jcrosvm.virtio;

import org.jspecify.annotations.NullMarked;
