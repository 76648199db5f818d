package jcrosvm.virtio.transport;

import jcrosvm.base.io.EventFd;

/** How a transport interrupts the driver of its device. Thread-safe; calls never block. */
public interface DriverInterrupt {
    /** There is something in the used ring of a queue. */
    void used(int queue);

    /** The configuration space or the device status has changed. */
    void config();

    /** An event that does as {@link #used}, for the kernel or another process. The transport keeps it. */
    EventFd callEvent(int queue);

    /** The device is lost for good ({@link jcrosvm.virtio.DeviceHost#lost}); the machine is told, not the driver. */
    void lost(String reason);
}
