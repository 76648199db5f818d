package jcrosvm.virtio;

import jcrosvm.base.VmmException;

/**
 * What the host of a device (a transport, or a vhost-user server) does for it, beside its queues. Thread-safe; calls
 * never block. What may not reach the driver yet, or not any more, is dropped.
 */
public interface DeviceHost {
    /** The host of a device that has none yet: drops everything. */
    DeviceHost NONE = new DeviceHost() {
        @Override
        public void configChanged() {}

        @Override
        public void failed() {}

        @Override
        public void lost(String reason) {}

        @Override
        public SharedMemoryWindow sharedMemory(int id) {
            throw new IllegalStateException("a device without a host has no shared memory");
        }
    };

    /** The configuration space has changed: the driver is interrupted, and reads it again. */
    void configChanged();

    /** The device met something that it cannot go on with: DEVICE_NEEDS_RESET (virtio 1.3, 2.1.2). */
    void failed();

    /**
     * The device has lost what does its work, for good: the VM ends.
     *
     * @param reason one line for the user
     */
    void lost(String reason);

    /**
     * The region in which the device shows files to its driver.
     *
     * @param id one that the device's traits declare
     * @throws VmmException when they do not, or when this host maps no files, which a device that needs them finds out
     *     as soon as it is attached
     */
    SharedMemoryWindow sharedMemory(int id);
}
