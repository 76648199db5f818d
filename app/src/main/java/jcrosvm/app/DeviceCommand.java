package jcrosvm.app;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import jcrosvm.devices.DeviceModules;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.DeviceModule;
import org.jspecify.annotations.Nullable;

/** {@code device}: serves devices to VMs of other processes. */
final class DeviceCommand extends CommandGroup {
    DeviceCommand() {
        super("device", "Serves a device over vhost-user to a VM of another process.", members());
    }

    @Override
    @Nullable
    Command hidden(List<String> words) {
        if (words.isEmpty() || !DeviceProcessCommand.isMeant(words.subList(1, words.size()))) {
            return null;
        }
        return DeviceModules.all().stream()
                .filter(module -> module.name().equals(words.getFirst()))
                .findFirst()
                .map(DeviceProcessCommand::new)
                .orElse(null);
    }

    private static Map<String, Supplier<Command>> members() {
        Map<String, Supplier<Command>> members = new LinkedHashMap<>();
        for (DeviceModule<?> module : DeviceModules.all()) {
            add(members, module);
        }
        return members;
    }

    private static <C extends DeviceConfig> void add(Map<String, Supplier<Command>> members, DeviceModule<C> module) {
        module.standalone()
                .ifPresent(options -> members.put(module.name(), () -> new ServeDeviceCommand<>(module, options)));
    }
}
