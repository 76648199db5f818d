package jcrosvm.devices;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.DeviceModule;
import org.jspecify.annotations.Nullable;

/**
 * The kinds of devices that there are: those that {@link ServiceLoader} finds. Ours stand in the order in which this
 * module's declaration provides them, which is that of the bus; those of other modules follow, ordered by name.
 */
public final class DeviceModules {
    private static @Nullable List<DeviceModule<?>> found; // guarded by the class

    private DeviceModules() {}

    /**
     * All of them, in the order in which they appear on the bus.
     *
     * @throws VmmException when two have the same name
     */
    public static synchronized List<DeviceModule<?>> all() {
        List<DeviceModule<?>> modules = found;
        if (modules == null) {
            List<DeviceModule<?>> loaded = new ArrayList<>();
            ServiceLoader.load(DeviceModule.class, DeviceModules.class.getClassLoader())
                    .forEach(loaded::add);
            modules = inOrder(loaded);
            found = modules;
        }
        return modules;
    }

    static List<DeviceModule<?>> inOrder(List<DeviceModule<?>> loaded) {
        List<DeviceModule<?>> modules = new ArrayList<>();
        List<DeviceModule<?>> others = new ArrayList<>();
        loaded.forEach(module -> (isOwn(module) ? modules : others).add(module));
        others.sort(Comparator.comparing(DeviceModule::name));
        modules.addAll(others);
        Set<String> names = new HashSet<>();
        for (DeviceModule<?> module : modules) {
            if (!names.add(module.name())) {
                throw new VmmException("two device modules are called '" + module.name() + "': "
                        + module.getClass().getName() + " is the second; remove one");
            }
        }
        return List.copyOf(modules);
    }

    private static boolean isOwn(DeviceModule<?> module) {
        return module.getClass().getPackageName().startsWith(DeviceModules.class.getPackageName() + ".");
    }

    /** The configurations of one kind, in order. */
    public static <C extends DeviceConfig> List<C> of(DeviceModule<C> module, List<? extends DeviceConfig> all) {
        return all.stream()
                .filter(module.configType()::isInstance)
                .map(module.configType()::cast)
                .toList();
    }

    /** The PCI addresses that devices were given. */
    public static List<String> pciAddresses(List<? extends DeviceConfig> all) {
        return all().stream().flatMap(module -> pciAddresses(module, all)).toList();
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
        all().forEach(module -> validate(module, all));
    }

    private static void requireModule(DeviceConfig config) {
        if (all().stream().noneMatch(module -> module.configType().isInstance(config))) {
            throw new VmmException(
                    "there is no device that a " + config.getClass().getName() + " describes");
        }
    }

    private static <C extends DeviceConfig> void validate(DeviceModule<C> module, List<? extends DeviceConfig> all) {
        module.validate(of(module, all));
    }
}
