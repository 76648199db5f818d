package jcrosvm.app;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.app.log.Log;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.vhostuser.backend.FrontEnds;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.StandaloneOptions;

/** {@code device KIND}: serves devices of one kind. */
final class ServeDeviceCommand<C extends DeviceConfig> extends Command {
    private static final Option<Path> SOCKET_PATH =
            Option.word("socket-path", Path.class, "PATH", "Socket to listen on; the path is removed at the end.");
    private static final Option<Path> SOCKET =
            Option.word("socket", Path.class, "PATH", "Socket to listen on.").deprecated("--socket-path");
    private static final Option<Integer> FD =
            Option.word("fd", Integer.class, "N", "Inherited descriptor of a socket that the front end has connected.");
    private static final Option<Boolean> KEEP =
            Option.flag("keep", "Serve one front end after another, not one alone.");

    private final DeviceModule<C> module;
    private final StandaloneOptions<C> options;

    ServeDeviceCommand(DeviceModule<C> module, StandaloneOptions<C> options) {
        this.module = module;
        this.options = options;
    }

    @Override
    Syntax syntax() {
        List<Option.Group> groups = new ArrayList<>();
        if (!options.options().isEmpty()) {
            groups.add(new Option.Group("Device", options.options()));
        }
        groups.add(new Option.Group("Front end", List.of(SOCKET_PATH, SOCKET, FD, KEEP)));
        return new Syntax(
                "jcrosvm device " + module.name(), "Serves a " + module.name() + " device.", groups, List.of());
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        for (Option<?> option : arguments.deprecated()) {
            Log.warn("--" + option.name() + " is deprecated: use " + option.replacement());
        }
        try (ServedDevices served = new ServedDevices(arguments.has(KEEP))) {
            boolean usesOptions = false;
            for (StandaloneOptions.Served<C> device : options.reader().apply(arguments)) {
                Path socket = device.socket();
                usesOptions |= socket == null;
                served.add(
                        module,
                        device.config(),
                        () -> socket == null ? frontEnds(arguments) : FrontEnds.listen(socket));
            }
            if (!usesOptions && (arguments.has(SOCKET_PATH) || arguments.has(SOCKET) || arguments.has(FD))) {
                throw new UsageException("each device has a socket of its own: leave --socket-path and --fd out");
            }
            return served.run() ? ExitCode.SUCCESS : ExitCode.FAILURE;
        }
    }

    private static FrontEnds frontEnds(Arguments arguments) {
        List<Path> paths = new ArrayList<>(arguments.values(SOCKET_PATH));
        paths.addAll(arguments.values(SOCKET));
        Integer fd = arguments.value(FD);
        if (paths.size() + (fd == null ? 0 : 1) != 1) {
            throw new UsageException("exactly one of --socket-path and --fd is needed");
        }
        if (fd == null) {
            return FrontEnds.listen(paths.getFirst());
        }
        if (arguments.has(KEEP)) {
            throw new UsageException("--keep needs --socket-path: no other front end comes by --fd");
        }
        return FrontEnds.connected(fd);
    }
}
