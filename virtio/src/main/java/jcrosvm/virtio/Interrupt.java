package jcrosvm.virtio;

import jcrosvm.base.io.EventFd;

/** How a device reaches its driver. Thread-safe; calls never block. */
public interface Interrupt {
    /** There is something in the used ring of a queue. */
    void signalUsed(int queue);

    /** The configuration space has changed. */
    void signalConfig();

    /** The device met something that it cannot go on with: DEVICE_NEEDS_RESET (virtio 1.3, 2.1.2). */
    void signalFailed();

    /** An event that does as {@link #signalUsed}, for the kernel or another process. The host keeps it. */
    EventFd callEvent(int queue);
}
