package jcrosvm.devices.console;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.ConfigException;
import jcrosvm.config.Option;
import jcrosvm.config.UsageException;
import jcrosvm.serial.SerialConfig;
import jcrosvm.virtio.StandaloneOptions;

/** The options of a console that is served by itself. */
final class ConsoleStandalone {
    private static final Option<Path> OUTPUT =
            Option.word("output-file", Path.class, "PATH", "File that the guest's output goes to.");
    private static final Option<Path> INPUT =
            Option.word("input-file", Path.class, "PATH", "File, pipe or device that the guest's input comes from.");
    private static final Option<SerialConfig> PORT = Option.structured(
            "port", SerialConfig.class, "type=TYPE,KEY=VALUE,...", "The port, with the keys of run --serial.");

    static final StandaloneOptions<ConsoleConfig> OPTIONS =
            StandaloneOptions.single(List.of(OUTPUT, INPUT, PORT), "serial", ConsoleStandalone::read);

    private ConsoleStandalone() {}

    private static ConsoleConfig read(Arguments arguments) {
        Path output = arguments.value(OUTPUT);
        Path input = arguments.value(INPUT);
        SerialConfig port = arguments.value(PORT);
        if (port == null) {
            return new ConsoleConfig(SerialConfig.virtioConsole(output, input));
        }
        if (output != null || input != null) {
            throw new UsageException("--port cannot be combined with --output-file or --input-file");
        }
        try {
            return new ConsoleConfig(port.asVirtioConsole());
        } catch (ConfigException e) {
            throw new UsageException("invalid value of option --port: " + e.getMessage(), e);
        }
    }
}
