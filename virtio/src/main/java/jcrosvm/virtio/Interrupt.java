package jcrosvm.virtio;

import jcrosvm.base.io.EventFd;

/** How a device reaches the driver of one of its queues. Thread-safe; calls never block. */
public interface Interrupt {
    /** There is something in the queue's used ring. */
    void signal();

    /** The queue is in a state that the device cannot go on with: DEVICE_NEEDS_RESET (virtio 1.3, 2.1.2). */
    void failed();

    /** An event that does as {@link #signal}, for the kernel or another process. The host keeps it. */
    EventFd callEvent();
}
