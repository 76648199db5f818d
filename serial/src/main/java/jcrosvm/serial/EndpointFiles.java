package jcrosvm.serial;

import java.nio.file.Files;
import java.nio.file.Path;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import org.jspecify.annotations.Nullable;

/**
 * The open files and sockets of a serial port or console, which a process with the rights opens, perhaps for another.
 *
 * @param output to write to, or null to throw bytes away
 * @param input to read from, or null
 * @param terminal the terminal that shows the output, or null when it is none
 */
public record EndpointFiles(
        @Nullable Fd output, @Nullable Fd input, @Nullable Fd terminal) {
    private static final Path SYSLOG = Path.of("/dev/log");
    private static final int STANDARD_INPUT = 0;
    private static final int STANDARD_OUTPUT = 1;
    private static final int FILE_MODE = 0644;

    /**
     * Opens files and sockets; the caller closes what comes out.
     *
     * @throws VmmException naming what could not be opened
     */
    public static EndpointFiles open(SerialConfig config) {
        return open(config, SYSLOG);
    }

    static EndpointFiles open(SerialConfig config, Path syslog) {
        Fd out = null;
        Fd terminal = null;
        try {
            out = output(config, syslog);
            if (out != null && config.type() == SerialConfig.Type.STDOUT && out.isTerminal()) {
                terminal = out.duplicate();
            }
            return new EndpointFiles(out, input(config, out), terminal);
        } catch (VmmException e) {
            if (terminal != null) {
                terminal.close();
            }
            if (out != null) {
                out.close();
            }
            throw new VmmException(config.label() + ": " + e.getMessage(), e);
        }
    }

    /**
     * Makes what the port works with, which owns the files from here on.
     *
     * @param name of the port, for its threads and messages
     */
    public Endpoints connect(String name, SerialConfig config) {
        return new Endpoints(
                output == null ? null : new SerialOutput(name, target(config), output, format(config)),
                input,
                terminal);
    }

    private static String target(SerialConfig config) {
        Path path = config.path();
        return path == null ? config.type().word() : path.toString();
    }

    private static OutputWriter.Format format(SerialConfig config) {
        boolean syslog = config.type() == SerialConfig.Type.SYSLOG;
        return new OutputWriter.Format(
                config.outTimestamp(), syslog || config.type() == SerialConfig.Type.UNIX, syslog);
    }

    /** The descriptor to write to, or null for none. */
    private static @Nullable Fd output(SerialConfig config, Path syslog) {
        return switch (config.type()) {
            case SINK -> null;
            case STDOUT -> standard(STANDARD_OUTPUT);
            case FILE -> Fd.open(path(config), Fd.O_WRONLY | Fd.O_CREAT | Fd.O_APPEND | Fd.O_NOCTTY, FILE_MODE);
            case UNIX ->
                UnixSocket.connect(path(config), UnixSocket.Type.DATAGRAM).fd();
            case UNIX_STREAM ->
                UnixSocket.connect(path(config), UnixSocket.Type.STREAM).fd();
            case SYSLOG -> UnixSocket.connect(syslog, UnixSocket.Type.DATAGRAM).fd();
        };
    }

    /** The descriptor to read from, or null for none. */
    private static @Nullable Fd input(SerialConfig config, @Nullable Fd output) {
        if (config.stdin()) {
            return standard(STANDARD_INPUT);
        }
        if (config.readsSocket() && output != null) {
            return output.duplicate();
        }
        Path input = config.input();
        if (input == null) {
            return null;
        }
        if (!Files.exists(input) || Files.isRegularFile(input)) {
            return Fd.open(input, Fd.O_RDONLY);
        }
        try {
            // A pipe opened for writing too does not end when its present writer leaves.
            return Fd.open(input, Fd.O_RDWR | Fd.O_NONBLOCK | Fd.O_NOCTTY);
        } catch (OsException e) {
            return Fd.open(input, Fd.O_RDONLY | Fd.O_NONBLOCK | Fd.O_NOCTTY);
        }
    }

    // The shell may have closed it: then there is nothing to read, and nothing to write to.
    private static @Nullable Fd standard(int number) {
        try {
            return Fd.adopt(number).duplicate();
        } catch (OsException e) {
            if (e.errno() == Errno.EBADF) {
                return null;
            }
            throw e;
        }
    }

    private static Path path(SerialConfig config) {
        Path path = config.path();
        if (path == null) {
            throw new VmmException(config.label() + " needs a path");
        }
        return path;
    }
}
