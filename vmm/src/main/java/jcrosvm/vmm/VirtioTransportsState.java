package jcrosvm.vmm;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import jcrosvm.virtio.transport.TransportState;

/**
 * The virtio devices of a machine.
 *
 * @param devices by id, such as {@code block0}
 */
public record VirtioTransportsState(Map<String, Device> devices) {
    public VirtioTransportsState {
        devices = Collections.unmodifiableMap(new LinkedHashMap<>(devices));
    }

    /**
     * One device.
     *
     * @param place PCI address or guest address, such as {@code 0000:00:01.0} or {@code 0xd0000000}
     * @param transport its registers
     */
    public record Device(String place, TransportState transport) {
        public Device {
            Objects.requireNonNull(place);
            Objects.requireNonNull(transport);
        }
    }
}
