package jcrosvm.virtio.transport;

import java.util.List;
import jcrosvm.base.Limits;

/**
 * What a driver and a device have agreed on, and the device's own state.
 *
 * @param status the device status
 * @param features that the driver took so far
 * @param unknownFeatures whether the driver took features that no device has
 * @param configGeneration of the configuration space
 * @param config the configuration space in this generation
 * @param queues the registers of all queues
 * @param device as {@link jcrosvm.virtio.VirtioDevice#saveState} gave it
 */
public record SessionState(
        int status,
        long features,
        boolean unknownFeatures,
        int configGeneration,
        byte[] config,
        List<QueueRegistersState> queues,
        byte[] device) {
    private static final int BITS = DeviceSession.ACKNOWLEDGE
            | DeviceSession.DRIVER
            | DeviceSession.DRIVER_OK
            | DeviceSession.FEATURES_OK
            | DeviceSession.DEVICE_NEEDS_RESET
            | DeviceSession.FAILED;

    public SessionState {
        Limits.bits("the device status", status, BITS);
        if ((status & DeviceSession.DRIVER_OK) != 0 && (status & DeviceSession.FEATURES_OK) == 0) {
            throw new IllegalArgumentException("the device status has DRIVER_OK without FEATURES_OK");
        }
        config = config.clone();
        queues = List.copyOf(queues);
        device = device.clone();
    }

    boolean isNegotiated() {
        return (status & DeviceSession.FEATURES_OK) != 0;
    }

    /** Whether the device works on the queues that are enabled. */
    boolean isWorking() {
        return (status & DeviceSession.DRIVER_OK) != 0 && (status & DeviceSession.DEVICE_NEEDS_RESET) == 0;
    }
}
