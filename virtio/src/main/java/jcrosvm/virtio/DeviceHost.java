package jcrosvm.virtio;

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
    };

    /** The configuration space has changed: the driver is interrupted, and reads it again. */
    void configChanged();

    /** The device met something that it cannot go on with: DEVICE_NEEDS_RESET (virtio 1.3, 2.1.2). */
    void failed();
}
