package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.Errno;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;

/** An eventfd(2): a counter that any thread adds to and one waiter clears. Never blocks; wait with a {@link Poller}. */
public final class EventFd implements AutoCloseable {
    private static final int EFD_CLOEXEC_NONBLOCK = 0x80800;
    private static final MemorySegment ONE = Arena.global().allocateFrom(ValueLayout.JAVA_LONG, 1L);

    private final Fd fd;

    public EventFd() {
        this(Fd.adopt(Libc.check("eventfd", Libc.EVENTFD.callInt(0, EFD_CLOEXEC_NONBLOCK))));
    }

    /** Wraps an eventfd received from elsewhere. */
    public EventFd(Fd fd) {
        this.fd = fd;
    }

    public Fd fd() {
        return fd;
    }

    /** Adds one. A counter at its limit is already signalled, so that is not an error. */
    public void signal() {
        if (Libc.WRITE.call(fd.number(), ONE.address(), 8) < 0 && Libc.errno() != Errno.EAGAIN) {
            throw new OsException("write eventfd", Libc.errno());
        }
    }

    /** Returns the counter and clears it; 0 when nothing was signalled. */
    public long drain() {
        MemorySegment value = Scratch.get();
        long n = Libc.READ.call(fd.number(), value.address(), 8);
        if (n == 8) {
            return value.get(ValueLayout.JAVA_LONG, 0);
        }
        if (n >= 0) {
            throw new OsException("read eventfd", Errno.EINVAL); // a peer's descriptor that is something else
        }
        if (Libc.errno() == Errno.EAGAIN || Libc.errno() == Errno.EINTR) {
            return 0;
        }
        throw new OsException("read eventfd", Libc.errno());
    }

    @Override
    public void close() {
        fd.close();
    }
}
