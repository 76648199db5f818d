package jcrosvm.serial;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import jcrosvm.base.Errno;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;

/** Writes the output of a serial port or console to a descriptor and copes with one that fails. Belongs to the output's thread. */
final class OutputWriter implements AutoCloseable {
    /** What is written at once: a pipe that is writable takes so much without waiting. */
    static final int CHUNK = 4096;

    private static final int POLL_MILLIS = 200;
    /** Leaves room for the header in the 1024 bytes of RFC 3164, 4.1. */
    private static final int SYSLOG_LINE = 900;

    private static final int SYSLOG_USER_INFO = 1 << 3 | 6;
    private static final LimitedLog LOG = LimitedLog.of(OutputWriter.class);

    /**
     * How the bytes are written.
     *
     * @param timestamps each line begins with the time, UTC
     * @param lines each line is a write of its own, as datagrams want it
     * @param syslog each line is a message to the system's log (RFC 3164)
     */
    record Format(boolean timestamps, boolean lines, boolean syslog) {
        int longestLine() {
            return syslog ? SYSLOG_LINE : CHUNK;
        }
    }

    private final String name;
    private final Fd fd;
    private final Format format;
    private final MemorySegment buffer = Arena.ofAuto().allocate(CHUNK);
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private boolean lineStart = true;
    private boolean failing;
    private volatile boolean gone;
    private volatile boolean cancelled;

    OutputWriter(String name, Fd fd, Format format) {
        this.name = name;
        this.fd = fd;
        this.format = format;
    }

    /** Writes or drops them. */
    void write(byte[] bytes, int length) {
        if (!format.timestamps && !format.lines) {
            writeRaw(bytes, length);
            return;
        }
        for (int i = 0; i < length; i++) {
            if (lineStart && format.timestamps) {
                line.writeBytes(Timestamps.bracketed().getBytes(StandardCharsets.US_ASCII));
            }
            line.write(bytes[i]);
            lineStart = bytes[i] == '\n';
            if (format.lines && (lineStart || line.size() >= format.longestLine())) {
                flushLine();
            }
        }
        if (!format.lines) {
            flushLine();
        }
    }

    private void flushLine() {
        byte[] packet = packet();
        line.reset();
        if (packet.length > 0) {
            writeRaw(packet, packet.length);
        }
    }

    /** The line as it is written; empty when there is nothing to write. */
    private byte[] packet() {
        byte[] text = line.toByteArray();
        if (!format.syslog) {
            return text;
        }
        int length = text.length;
        while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
            length--;
        }
        if (length == 0) {
            return new byte[0];
        }
        ByteArrayOutputStream packet = new ByteArrayOutputStream();
        packet.writeBytes("<%d>%s jcrosvm[%d]: "
                .formatted(
                        SYSLOG_USER_INFO,
                        Timestamps.syslog(),
                        ProcessHandle.current().pid())
                .getBytes(StandardCharsets.US_ASCII));
        packet.write(text, 0, length);
        return packet.toByteArray();
    }

    private void writeRaw(byte[] bytes, int length) {
        int done = 0;
        while (done < length && !gone && !cancelled) {
            int size = Math.min(CHUNK, length - done);
            MemorySegment.copy(bytes, done, buffer, ValueLayout.JAVA_BYTE, 0, size);
            try {
                // Not to hang in write: close() must be able to end this.
                if (Poller.await(fd, Poller.WRITABLE, POLL_MILLIS) == 0) {
                    continue;
                }
                done += (int) fd.write(buffer.asSlice(0, size));
                if (failing) {
                    failing = false;
                    LOG.log(System.Logger.Level.INFO, name + ": output works again");
                }
            } catch (OsException e) {
                if (!recover(e)) {
                    return;
                }
            } catch (IllegalStateException e) {
                return; // closed from elsewhere
            }
        }
    }

    /** Whether to try the same bytes again. */
    private boolean recover(OsException e) {
        switch (e.errno()) {
            case Errno.EAGAIN -> {
                return true;
            }
            case Errno.EPIPE, Errno.ECONNRESET, Errno.ECONNREFUSED, Errno.ENOTCONN -> {
                gone = true;
                LOG.log(System.Logger.Level.WARNING, name + ": the receiver is gone, output is dropped");
            }
            default -> {
                if (!failing) {
                    failing = true;
                    LOG.log(
                            System.Logger.Level.WARNING,
                            name + ": " + e.getMessage() + "; output is dropped until it works again");
                }
            }
        }
        return false;
    }

    /** Makes a write that waits give up soon. From any thread. */
    void cancel() {
        cancelled = true;
    }

    /** Writes out an unfinished line if the receiver takes it now. */
    @Override
    public void close() {
        try {
            byte[] packet = packet();
            if (packet.length > 0 && !gone && Poller.await(fd, Poller.WRITABLE, POLL_MILLIS) != 0) {
                int size = Math.min(CHUNK, packet.length);
                MemorySegment.copy(packet, 0, buffer, ValueLayout.JAVA_BYTE, 0, size);
                fd.write(buffer.asSlice(0, size));
            }
        } catch (OsException e) {
            recover(e);
        } finally {
            fd.close();
        }
    }
}
