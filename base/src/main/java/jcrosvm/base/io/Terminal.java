package jcrosvm.base.io;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.Libc;
import org.jspecify.annotations.Nullable;

/**
 * The terminal on a descriptor, in raw mode from creation to close.
 *
 * <p>However this process ends, the terminal is put back: by {@link #close()}, by a shutdown hook, and, should the
 * process be killed outright, by a small shell that waits for it to vanish. It is put back as well while the process is
 * stopped, and left alone while another job of the same terminal has the foreground.
 */
public final class Terminal implements AutoCloseable {
    private static final int TIOCGPGRP = 0x540f;
    private static final int TIOCGWINSZ = 0x5413;
    private static final int WINSIZE_SIZE = 8;
    private static final int TCSANOW = 0;
    private static final int TERMIOS_SIZE = 64;
    private static final int C_IFLAG = 0;
    private static final int INLCR = 0x40;
    private static final int ICRNL = 0x100;
    private static final int IXON = 0x400;
    private static final int C_LFLAG = 12;
    private static final int ISIG = 0x1;
    private static final int ICANON = 0x2;
    private static final int ECHO = 0x8;
    private static final int IEXTEN = 0x8000;

    private final Fd fd;
    private final MemorySegment saved = Arena.ofAuto().allocate(TERMIOS_SIZE, 8);
    private final MemorySegment mode = Arena.ofAuto().allocate(TERMIOS_SIZE, 8);
    private final @Nullable Process guard;
    private final Signals.Subscription stops;
    private final Thread hook;
    private boolean raw; // guarded by this

    private Terminal(Fd fd) {
        this.fd = fd;
        Libc.check("tcgetattr", Libc.TCGETATTR.callInt(fd.number(), saved.address()));
        guard = startGuard();
        mode.copyFrom(saved);
        // Output processing stays on, so that our own lines still start at the left margin.
        clear(mode, C_IFLAG, ICRNL | INLCR | IXON);
        clear(mode, C_LFLAG, ICANON | ECHO | ISIG | IEXTEN);
        hook = Threads.atExit("terminal-restore", this::restore);
        stops = Signals.onStop(() -> switchTo(saved), () -> switchTo(mode));
        synchronized (this) {
            raw = true;
            // In the background this stops the process until it is brought to the foreground, as it does others. An
            // error: it has no terminal any more, and nothing can be read either.
            Libc.TCSETATTR.callInt(fd.number(), TCSANOW, mode.address());
        }
    }

    /** Puts the terminal into raw mode: no echo, no line editing, no signals from keys. */
    public static Terminal raw(Fd fd) {
        return new Terminal(fd);
    }

    private synchronized void switchTo(MemorySegment settings) {
        if (raw && hasForeground()) {
            Libc.TCSETATTR.callInt(fd.number(), TCSANOW, settings.address());
        }
    }

    /** Whether the terminal is ours to change; also where it does not control jobs of this process. */
    private boolean hasForeground() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment group = arena.allocate(ValueLayout.JAVA_INT);
            return fd.tryIoctl(TIOCGPGRP, group) < 0 || group.get(ValueLayout.JAVA_INT, 0) == Libc.GETPGRP.callInt(0);
        }
    }

    /** Characters; 0 where a terminal does not know. */
    public record Size(int columns, int rows) {}

    /** The size of the terminal on a descriptor; zeros when it is none. */
    public static Size size(Fd fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment winsize = arena.allocate(WINSIZE_SIZE, 2);
            if (fd.tryIoctl(TIOCGWINSZ, winsize) < 0) {
                return new Size(0, 0);
            }
            return new Size(
                    Short.toUnsignedInt(winsize.get(ValueLayout.JAVA_SHORT, 2)),
                    Short.toUnsignedInt(winsize.get(ValueLayout.JAVA_SHORT, 0)));
        }
    }

    private static void clear(MemorySegment mode, int field, int bits) {
        mode.set(ValueLayout.JAVA_INT, field, mode.get(ValueLayout.JAVA_INT, field) & ~bits);
    }

    // Ends without doing anything when told so, and restores the settings when its input just ends. By then a shell may
    // have taken the terminal back: TTOU is ignored, or the restoring would be stopped as a background job's.
    private @Nullable Process startGuard() {
        String tty = "/proc/" + ProcessHandle.current().pid() + "/fd/" + fd.number();
        String script = "trap '' INT TERM HUP TTOU; exec 3<" + tty
                + "; saved=$(stty -g <&3) || exit; echo; read -r done || stty \"$saved\" <&3";
        try {
            Process process = new ProcessBuilder("sh", "-c", script)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (process.getInputStream().read() < 0) {
                return null;
            }
            return process;
        } catch (IOException e) {
            return null; // no shell: close() and the hook remain
        }
    }

    private synchronized void restore() {
        if (!raw) {
            return;
        }
        switchTo(saved);
        raw = false;
        if (guard != null) {
            try (OutputStream out = guard.getOutputStream()) {
                out.write('\n');
            } catch (IOException e) {
                guard.destroy();
            }
        }
    }

    @Override
    public void close() {
        restore();
        stops.close();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // the process is ending: the hook runs or has run
        }
    }
}
