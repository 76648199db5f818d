package jcrosvm.app;

import java.util.List;
import jcrosvm.app.log.Log;
import jcrosvm.app.log.LogFilter;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.vhostuser.backend.DeviceChild;
import jcrosvm.virtio.DeviceModule;

/** {@code device KIND --bootstrap FD}: the process of one device, which a VM starts. Not for users: no help shows it. */
final class DeviceProcessCommand extends Command {
    private static final String NAME = "bootstrap";
    private static final Option<Integer> BOOTSTRAP =
            Option.word(NAME, Integer.class, "FD", "Inherited descriptor of the VM's bootstrap socket.");

    private final DeviceModule<?> module;

    DeviceProcessCommand(DeviceModule<?> module) {
        this.module = module;
    }

    /** Whether words behind the kind of a device are of this command. */
    static boolean isMeant(List<String> words) {
        return !words.isEmpty()
                && (words.getFirst().equals("--" + NAME) || words.getFirst().startsWith("--" + NAME + "="));
    }

    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm device " + module.name(),
                "Is the process of a device of a VM.",
                List.of(new Option.Group("VM", List.of(BOOTSTRAP))),
                List.of());
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        Integer socket = arguments.value(BOOTSTRAP);
        return DeviceChild.run(socket == null ? -1 : socket, module, (log, file) -> {
            Log.configure(LogFilter.parse(log.filter()), log.syslogTag());
            if (file != null) {
                Log.writeTo(file);
            }
        });
    }
}
