package jcrosvm.vhostuser.frontend;

import java.util.Collections;
import java.util.List;
import jcrosvm.virtio.DeviceTraits;

/**
 * What the protocol does not tell of a device.
 *
 * @param type device type number (virtio 1.3, 5)
 * @param queueSizes the largest size of each queue
 * @param configLength bytes of configuration space
 */
public record DeviceShape(int type, List<Integer> queueSizes, int configLength) {
    public DeviceShape {
        queueSizes = List.copyOf(queueSizes);
    }

    /** Of a backend that serves a device of ours. */
    public static DeviceShape of(DeviceTraits traits) {
        return new DeviceShape(traits.type(), traits.queueSizes(), traits.configLength());
    }

    static DeviceShape uniform(int type, int queues, int size, int configLength) {
        return new DeviceShape(type, Collections.nCopies(queues, size), configLength);
    }
}
