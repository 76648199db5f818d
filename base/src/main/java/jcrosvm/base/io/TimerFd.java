package jcrosvm.base.io;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.Errno;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;

/** A timerfd on CLOCK_MONOTONIC, readable when it has expired. No call allocates. */
public final class TimerFd implements AutoCloseable {
    private static final int CLOCK_MONOTONIC = 1;
    private static final int TFD_CLOEXEC_NONBLOCK = 0x80800;
    private static final long SECOND = 1_000_000_000L;

    private final Fd fd =
            Fd.adopt(Libc.check("timerfd_create", Libc.TIMERFD_CREATE.callInt(CLOCK_MONOTONIC, TFD_CLOEXEC_NONBLOCK)));

    public Fd fd() {
        return fd;
    }

    /**
     * Arms the timer; an earlier setting is replaced.
     *
     * @param delayNanos time to the first expiry; values below 1 expire at once
     * @param intervalNanos period after that, 0 for one shot
     */
    public void arm(long delayNanos, long intervalNanos) {
        set(Math.max(1, delayNanos), intervalNanos);
    }

    public void disarm() {
        set(0, 0);
    }

    private void set(long delay, long interval) {
        MemorySegment spec = Scratch.get();
        spec.set(ValueLayout.JAVA_LONG, 0, interval / SECOND);
        spec.set(ValueLayout.JAVA_LONG, 8, interval % SECOND);
        spec.set(ValueLayout.JAVA_LONG, 16, delay / SECOND);
        spec.set(ValueLayout.JAVA_LONG, 24, delay % SECOND);
        Libc.check("timerfd_settime", Libc.TIMERFD_SETTIME.callInt(fd.number(), 0, spec.address(), 0));
    }

    /** Expiries since the last call; 0 when there were none. */
    public long drain() {
        MemorySegment value = Scratch.get();
        if (Libc.READ.call(fd.number(), value.address(), 8) == 8) {
            return value.get(ValueLayout.JAVA_LONG, 0);
        }
        if (Libc.errno() == Errno.EAGAIN || Libc.errno() == Errno.EINTR) {
            return 0;
        }
        throw new OsException("read timerfd", Libc.errno());
    }

    @Override
    public void close() {
        fd.close();
    }
}
