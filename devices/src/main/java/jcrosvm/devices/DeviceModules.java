package jcrosvm.devices;

import java.util.List;
import jcrosvm.devices.rng.RngModule;
import jcrosvm.virtio.DeviceModule;

/** The registry: the one place that a new kind of device is added to. */
public final class DeviceModules {
    /** In the order in which they appear on the bus. */
    public static final List<DeviceModule<?>> ALL = List.of(new RngModule());

    private DeviceModules() {}
}
