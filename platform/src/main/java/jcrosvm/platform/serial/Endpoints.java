package jcrosvm.platform.serial;

import java.nio.file.Files;
import java.nio.file.Path;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import org.jspecify.annotations.Nullable;

/** Opens what a serial port is connected to, with errors that name the port. */
final class Endpoints {
    private static final int STANDARD_INPUT = 0;
    private static final int STANDARD_OUTPUT = 1;
    private static final int FILE_MODE = 0644;

    private Endpoints() {}

    /** The descriptor to write to, or null for none. */
    static @Nullable Fd output(SerialConfig config) {
        return switch (config.type()) {
            case SINK -> null;
            case STDOUT -> standard(STANDARD_OUTPUT);
            case FILE -> Fd.open(path(config), Fd.O_WRONLY | Fd.O_CREAT | Fd.O_APPEND | Fd.O_NOCTTY, FILE_MODE);
            case UNIX ->
                UnixSocket.connect(path(config), UnixSocket.Type.DATAGRAM).fd();
            case UNIX_STREAM ->
                UnixSocket.connect(path(config), UnixSocket.Type.STREAM).fd();
            case SYSLOG -> throw new VmmException("type=syslog is not supported yet");
        };
    }

    /** The descriptor to read from, or null for none. */
    static @Nullable Fd input(SerialConfig config, @Nullable Fd output) {
        if (config.stdin()) {
            return standard(STANDARD_INPUT);
        }
        if (config.inputUnixStream() && output != null) {
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

    // The shell may have closed it: then there is nothing to read, and nobody to write to.
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
            throw new VmmException("serial " + config.hardware().word() + " " + config.num() + " needs a path");
        }
        return path;
    }
}
