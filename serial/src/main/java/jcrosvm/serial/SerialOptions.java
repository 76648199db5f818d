package jcrosvm.serial;

import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;

/** The option of {@code run} for serial ports and consoles. */
public final class SerialOptions {
    private static final Option<SerialConfig> SERIAL = Option.structured(
                    "serial",
                    SerialConfig.class,
                    "KEY=VALUE,...",
                    "Serial port, virtio console or debug console. Without a console, COM1 becomes one on the terminal.")
            .repeatable();

    public static final Option.Group GROUP = new Option.Group("Serial ports and consoles", List.of(SERIAL));

    private SerialOptions() {}

    /** All ports given, in order. */
    public static List<SerialConfig> read(Arguments arguments) {
        return arguments.values(SERIAL);
    }
}
