package jcrosvm.virtio;

import jcrosvm.base.io.EventFd;

/**
 * What a device needs to work on a queue. All of it belongs to the host, which keeps it alive until the queue has
 * stopped.
 *
 * @param layout for devices that hand the ring on (vhost)
 * @param state to start from
 * @param features as negotiated
 * @param queue the ring; for devices that work on it themselves
 * @param kick signalled by the driver when there is something available
 * @param interrupt how to reach the driver
 */
public record QueueResources(
        QueueLayout layout, QueueState state, long features, Virtqueue queue, EventFd kick, Interrupt interrupt) {}
