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
                    "Serial port, virtio console or debug console. type=sink|stdout|syslog|file|unix|unix-stream: where output goes"
                            + " (default sink); hardware=serial|virtio-console|debugcon (default serial); num=N: 1 to 4 for COM1"
                            + " to COM4, 1 or more for hvc0 and on; path=PATH of the file or socket; input=PATH to read from; input-unix-stream:"
                            + " read from the socket too; stdin: read from standard input; console: the kernel's"
                            + " console; earlycon: its early console; out-timestamp: put the time in front of each"
                            + " line; debugcon-port=PORT (default 0x402); of a virtio-console: name=TEXT of its port,"
                            + " pci-address=ADDRESS, max-queue-sizes=[RECEIVE,TRANSMIT] (default 256). Without a console, COM1 becomes one on the"
                            + " terminal.")
            .repeatable();

    public static final Option.Group GROUP = new Option.Group("Serial ports and consoles", List.of(SERIAL));

    private SerialOptions() {}

    /** All ports given, in order. */
    public static List<SerialConfig> read(Arguments arguments) {
        return arguments.values(SERIAL);
    }
}
