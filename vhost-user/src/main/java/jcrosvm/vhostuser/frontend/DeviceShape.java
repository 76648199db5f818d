package jcrosvm.vhostuser.frontend;

import java.util.Collections;
import java.util.List;
import jcrosvm.virtio.DeviceTraits;

/**
 * What the protocol does not tell of a device.
 *
 * @param features those of the backend's that the device is to offer
 * @param type device type number (virtio 1.3, 5)
 * @param queueSizes the largest size of each queue
 * @param configLength bytes of configuration space
 * @param unsavable why its state cannot be saved although the backend knows how; empty when it can
 */
public record DeviceShape(int type, long features, List<Integer> queueSizes, int configLength, String unsavable) {
    public DeviceShape {
        queueSizes = List.copyOf(queueSizes);
    }

    /** Of a backend that serves a device of ours. */
    public static DeviceShape of(DeviceTraits traits) {
        return new DeviceShape(
                traits.type(), traits.features(), traits.queueSizes(), traits.configLength(), traits.unsavable());
    }

    static DeviceShape uniform(int type, int queues, int size, int configLength) {
        return new DeviceShape(type, -1, Collections.nCopies(queues, size), configLength, "");
    }
}
