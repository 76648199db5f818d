package jcrosvm.app.log;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import org.jspecify.annotations.Nullable;

/** The one place that messages go through. */
public final class Log {
    private static final Path DEV_LOG = Path.of("/dev/log");
    // RFC 5424, 6.2.1: facility "user-level messages".
    private static final int FACILITY_USER = 1 << 3;

    private static final FileOutputStream RAW = new FileOutputStream(FileDescriptor.err);
    private static final byte[] NO_MEMORY =
            "jcrosvm: error: out of memory: the heap (-Xmx) is full\n".getBytes(StandardCharsets.US_ASCII);

    private static volatile LogFilter filter = LogFilter.DEFAULT;
    private static volatile @Nullable PrintStream file; // instead of standard error
    private static volatile boolean syslogEnabled;
    private static String tag = "jcrosvm";
    private static @Nullable UnixSocket syslog;

    private Log() {}

    /**
     * Sets what is shown, before the first message.
     *
     * @param syslogTag name of this program in the host's log, or null to leave the host's log alone
     */
    public static void configure(LogFilter shown, @Nullable String syslogTag) {
        filter = shown;
        synchronized (Log.class) {
            syslogEnabled = syslogTag != null;
            tag = syslogTag == null ? tag : syslogTag;
        }
    }

    /**
     * Has messages appended to a file instead of standard error.
     *
     * @param descriptor stays the caller's
     */
    public static void writeTo(Fd descriptor) {
        try {
            file = new PrintStream(new FileOutputStream(descriptor.link().toFile(), true));
        } catch (IOException e) {
            throw new VmmException("cannot write messages to " + descriptor + ": " + e.getMessage(), e);
        }
    }

    /** Changes the program's name in the host's log. */
    public static synchronized void tag(String syslogTag) {
        tag = syslogTag;
    }

    /** A warning about what the user wrote. */
    public static void warn(String message) {
        if (isShown("app", Level.WARNING)) {
            write(Level.WARNING, message);
        }
    }

    /** Something that the user may want to know. */
    public static void info(String message) {
        if (isShown("app", Level.INFO)) {
            write(Level.INFO, message);
        }
    }

    static boolean isShown(String logger, Level level) {
        return level != Level.OFF
                && level.getSeverity() >= filter.threshold(logger).getSeverity();
    }

    /** Writes one line, whatever the filter says. */
    public static void write(Level level, String message) {
        try {
            PrintStream own = file;
            write(own == null ? System.err : own, level, message);
            if (syslogEnabled) {
                send(level, message);
            }
        } catch (OutOfMemoryError e) {
            writeNoMemory();
        }
    }

    /** Writes that there is no memory left, and needs none. */
    public static void writeNoMemory() {
        try {
            RAW.write(NO_MEMORY);
        } catch (IOException e) {
            // nothing is left to tell it with
        }
    }

    static void write(PrintStream out, Level level, String message) {
        // One call for one line, so that lines of several threads do not mix.
        out.print("jcrosvm: " + word(level) + ": " + message + System.lineSeparator());
        out.flush();
    }

    private static String word(Level level) {
        return switch (level) {
            case ERROR, OFF -> "error";
            case WARNING -> "warning";
            case INFO -> "info";
            case DEBUG -> "debug";
            case TRACE, ALL -> "trace";
        };
    }

    private static synchronized void send(Level level, String message) {
        try {
            if (syslog == null) {
                syslog = UnixSocket.connect(DEV_LOG, UnixSocket.Type.DATAGRAM);
                syslog.fd().nonBlocking(true);
            }
            syslog.send(("<" + (FACILITY_USER | severity(level)) + ">" + tag + "["
                            + ProcessHandle.current().pid() + "]: " + message)
                    .getBytes(StandardCharsets.UTF_8));
        } catch (VmmException e) {
            // No daemon, or one that cannot keep up: the line stands on standard error already.
            syslogEnabled = false;
        }
    }

    private static int severity(Level level) {
        return switch (level) {
            case ERROR, OFF -> 3;
            case WARNING -> 4;
            case INFO -> 6;
            case DEBUG, TRACE, ALL -> 7;
        };
    }
}
