package jcrosvm.devices;

import java.util.List;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;
import jcrosvm.devices.balloon.BalloonModule;
import jcrosvm.devices.block.BlockModule;
import jcrosvm.devices.console.ConsoleModule;
import jcrosvm.devices.net.NetModule;
import jcrosvm.devices.rng.RngModule;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.DeviceModule;

/** The registry: the one place that a new kind of device is added to. */
public final class DeviceModules {
    /** In the order in which they appear on the bus. */
    public static final List<DeviceModule<?>> ALL =
            List.of(new ConsoleModule(), new BlockModule(), new RngModule(), new BalloonModule(), new NetModule());

    private DeviceModules() {}

    /** The configurations of one kind, in order. */
    public static <C extends DeviceConfig> List<C> of(DeviceModule<C> module, List<? extends DeviceConfig> all) {
        return all.stream()
                .filter(module.configType()::isInstance)
                .map(module.configType()::cast)
                .toList();
    }

    /** The PCI addresses that devices were given. */
    public static List<String> pciAddresses(List<? extends DeviceConfig> all) {
        return ALL.stream().flatMap(module -> pciAddresses(module, all)).toList();
    }

    private static <C extends DeviceConfig> Stream<String> pciAddresses(
            DeviceModule<C> module, List<? extends DeviceConfig> all) {
        return of(module, all).stream().map(module::pciAddress).filter(address -> !address.isEmpty());
    }

    /**
     * Checks all devices of a VM.
     *
     * @throws jcrosvm.base.VmmException naming the first value that cannot be
     */
    public static void validate(List<? extends DeviceConfig> all) {
        all.forEach(DeviceModules::requireModule);
        all.forEach(DeviceConfig::validate);
        ALL.forEach(module -> validate(module, all));
    }

    private static void requireModule(DeviceConfig config) {
        if (ALL.stream().noneMatch(module -> module.configType().isInstance(config))) {
            throw new VmmException(
                    "there is no device that a " + config.getClass().getName() + " describes");
        }
    }

    private static <C extends DeviceConfig> void validate(DeviceModule<C> module, List<? extends DeviceConfig> all) {
        module.validate(of(module, all));
    }
}
