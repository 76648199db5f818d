package jcrosvm.virtio;

import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * What a device needs to work on a queue. All of it belongs to the host, which keeps it alive until the queue has
 * stopped.
 *
 * @param index number of the queue in its device
 * @param layout where the ring is
 * @param state to start from
 * @param features as negotiated
 * @param memory that the ring and all buffers are in
 * @param kick signalled by the driver when there is something available
 * @param interrupt how to reach the driver
 * @param inflight where to note which requests were taken; null when it is not wanted. With notes that
 *     are there already, {@code state} counts for nothing
 */
public record QueueResources(
        int index,
        QueueLayout layout,
        QueueState state,
        long features,
        GuestMemory memory,
        EventFd kick,
        Interrupt interrupt,
        @Nullable InflightRegion inflight) {
    /** A queue whose requests are not noted. */
    public QueueResources(
            int index,
            QueueLayout layout,
            QueueState state,
            long features,
            GuestMemory memory,
            EventFd kick,
            Interrupt interrupt) {
        this(index, layout, state, features, memory, kick, interrupt, null);
    }

    /**
     * The ring, for a device that works on it itself.
     *
     * @throws DescriptorException when it is not in RAM, not aligned or of a bad size
     */
    public Virtqueue open() {
        return Virtqueue.of(memory, index, layout, features, state, interrupt, inflight);
    }
}
