package jcrosvm.devices.rng;

import jcrosvm.virtio.DeviceConfig;

/** An entropy device; there is nothing to choose. */
public record RngConfig() implements DeviceConfig {
    @Override
    public void validate() {}
}
