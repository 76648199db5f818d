package jcrosvm.serial;

import jcrosvm.base.io.Fd;
import org.jspecify.annotations.Nullable;

/**
 * What a serial port or console is connected to, opened.
 *
 * @param output where its bytes go, or null to throw them away
 * @param input where its bytes come from, or null
 * @param terminal the terminal that shows the output, or null when it is none; for its size alone
 */
public record Endpoints(
        @Nullable SerialOutput output,
        @Nullable Fd input,
        @Nullable Fd terminal) {
    /**
     * Opens files and sockets; the caller closes what comes out.
     *
     * @param name of the port, for its threads and messages
     * @throws jcrosvm.base.VmmException naming what could not be opened
     */
    public static Endpoints open(String name, SerialConfig config) {
        return EndpointFiles.open(config).connect(name, config);
    }
}
