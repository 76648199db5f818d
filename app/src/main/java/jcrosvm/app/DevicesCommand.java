package jcrosvm.app;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.base.VmmException;
import jcrosvm.config.ArgumentReader;
import jcrosvm.config.Arguments;
import jcrosvm.config.HelpText;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.control.ControlServer;
import jcrosvm.devices.DeviceModules;
import jcrosvm.vhostuser.backend.FrontEnds;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.DeviceModule;
import org.jspecify.annotations.Nullable;

/** {@code devices}: serves several devices in one process, with a control socket. */
final class DevicesCommand extends Command {
    private static final String NAME = "jcrosvm devices";
    private static final String SOCKET_KEY = "vhost=";

    private static final Option<Path> CONTROL_SOCKET = Option.word(
                    "control-socket", Path.class, "PATH", "Control socket, as that of run; disk resize works there.")
            .withLetter('s');

    /** The kinds that can be served, by the option that describes one. */
    private static Map<Option<String>, DeviceModule<?>> kinds() {
        Map<Option<String>, DeviceModule<?>> kinds = new LinkedHashMap<>();
        for (DeviceModule<?> module : DeviceModules.all()) {
            String name =
                    module.standalone().map(options -> options.runOption()).orElse("");
            if (!name.isEmpty()) {
                String help = "Serve a " + module.name() + " device on a socket, with the keys of run --" + name + ".";
                kinds.put(
                        Option.word(name, String.class, "vhost=SOCKET,KEY=VALUE,...", help)
                                .repeatable(),
                        module);
            }
        }
        return kinds;
    }

    @Override
    Syntax syntax() {
        return new Syntax(
                NAME,
                "Serves devices over vhost-user, each to one front end, until all of these are gone.",
                List.of(
                        new Option.Group("Devices", List.copyOf(kinds().keySet())),
                        new Option.Group("Process", List.of(CONTROL_SOCKET))),
                List.of());
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        Path path = arguments.value(CONTROL_SOCKET);
        try (ServedDevices served = new ServedDevices(false);
                Control control = new Control(path)) {
            kinds().forEach((option, module) -> add(served, module, option, arguments));
            if (served.isEmpty()) {
                System.out.print(HelpText.of(syntax()));
                System.out.flush();
                return ExitCode.SUCCESS;
            }
            control.serve(served);
            return served.run() ? ExitCode.SUCCESS : ExitCode.FAILURE;
        }
    }

    private static <C extends DeviceConfig> void add(
            ServedDevices served, DeviceModule<C> module, Option<String> option, Arguments arguments) {
        for (String value : arguments.values(option)) {
            int comma = value.indexOf(',');
            String socket = comma < 0 ? value : value.substring(0, comma);
            if (!socket.startsWith(SOCKET_KEY) || socket.length() == SOCKET_KEY.length()) {
                throw new UsageException("invalid value of option --" + option.name() + " '" + value
                        + "': its first key must be " + SOCKET_KEY + "SOCKET");
            }
            Path path = Path.of(socket.substring(SOCKET_KEY.length()));
            String keys = comma < 0 ? "" : value.substring(comma + 1);
            for (C config : configs(module, option.name(), keys)) {
                served.add(module, config, () -> FrontEnds.listen(path));
            }
        }
    }

    /** One configuration, as {@code run} reads it. */
    private static <C extends DeviceConfig> List<C> configs(DeviceModule<C> module, String option, String keys) {
        Syntax asRun = new Syntax(NAME, "", List.of(module.options()), List.of());
        List<C> configs = module.read(ArgumentReader.read(asRun, List.of("--" + option + "=" + keys)));
        if (configs.isEmpty()) {
            throw new VmmException("--" + option + " '" + keys + "' describes no virtio device: " + module.name()
                    + " devices need hardware=virtio-console");
        }
        return new ArrayList<>(configs);
    }

    /** A control socket, or none. */
    private static final class Control implements AutoCloseable {
        private final @Nullable ControlServer server;

        Control(@Nullable Path path) {
            server = path == null ? null : ControlServer.listen(path);
        }

        void serve(ServedDevices served) {
            if (server != null) {
                server.serve(new ServedControl(served));
            }
        }

        @Override
        public void close() {
            if (server != null) {
                server.close();
            }
        }
    }
}
