package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jcrosvm.base.Errno;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;
import org.jspecify.annotations.Nullable;

/**
 * Level-triggered epoll(7): descriptors with the handler to run when they are ready. One thread waits; any thread may
 * add and remove, but a handler removed from another thread may run once more.
 */
public final class Poller implements AutoCloseable {
    public static final int READABLE = 1;
    public static final int WRITABLE = 4;
    /** The peer closed or the descriptor failed; always reported. */
    public static final int HANGUP = 0x10 | 0x8;

    private static final int EPOLL_CLOEXEC = 0x80000;
    private static final int EPOLL_CTL_ADD = 1;
    private static final int EPOLL_CTL_DEL = 2;
    private static final int EPOLL_CTL_MOD = 3;
    private static final int MAX_EVENTS = 32;
    // struct epoll_event is packed on x86-64 only.
    private static final boolean PACKED = System.getProperty("os.arch", "").equals("amd64");
    private static final int EVENT_SIZE = PACKED ? 12 : 16;
    private static final int DATA = PACKED ? 4 : 8;

    /** Runs on the polling thread. */
    @FunctionalInterface
    public interface Handler {
        /**
         * An exception removes the descriptor, which would be found ready for ever, and comes out of {@link #poll}.
         *
         * @param events READABLE, WRITABLE and HANGUP bits that hold
         */
        void ready(int events);
    }

    private final Fd epoll;
    private final MemorySegment events = Arena.ofAuto().allocate((long) EVENT_SIZE * MAX_EVENTS, 8);
    private final Object lock = new Object();
    private @Nullable Handler[] handlers = new Handler[64]; // by descriptor number; guarded by the lock

    public Poller() {
        epoll = Fd.adopt(Libc.check("epoll_create1", Libc.EPOLL_CREATE1.callInt(EPOLL_CLOEXEC)));
    }

    /**
     * @param interest READABLE and WRITABLE bits; 0 still reports HANGUP
     * @throws OsException EPERM for regular files, which are always ready
     */
    public void add(Fd fd, int interest, Handler handler) {
        synchronized (lock) {
            int number = fd.number();
            control("epoll add", EPOLL_CTL_ADD, number, interest);
            if (number >= handlers.length) {
                handlers = Arrays.copyOf(handlers, Math.max(number + 1, 2 * handlers.length));
            }
            handlers[number] = handler;
        }
    }

    public void modify(Fd fd, int interest) {
        control("epoll modify", EPOLL_CTL_MOD, fd.number(), interest);
    }

    /** Removes a descriptor that is still open. Removing one that is not there is harmless. */
    public void remove(Fd fd) {
        synchronized (lock) {
            if (fd.isOpen() && handler(fd.number()) != null) {
                int number = fd.number();
                handlers[number] = null;
                control("epoll remove", EPOLL_CTL_DEL, number, 0);
            }
        }
    }

    private @Nullable Handler handler(int number) {
        synchronized (lock) {
            return number < handlers.length ? handlers[number] : null;
        }
    }

    private void control(String call, int operation, int number, int interest) {
        Libc.check(call, tryControl(operation, number, interest));
    }

    private int tryControl(int operation, int number, int interest) {
        MemorySegment event = Scratch.get();
        event.set(ValueLayout.JAVA_INT, 0, interest);
        event.set(ValueLayout.JAVA_LONG_UNALIGNED, DATA, number);
        return Libc.EPOLL_CTL.callInt(epoll.number(), operation, number, event.address());
    }

    /**
     * Waits and runs the handlers of what is ready.
     *
     * @param timeoutMillis -1 waits without limit, 0 does not wait
     * @return how many descriptors were ready; 0 on time-out or when a signal interrupted the wait
     */
    public int poll(int timeoutMillis) {
        int n = Libc.EPOLL_WAIT.callInt(epoll.number(), events.address(), MAX_EVENTS, timeoutMillis);
        if (n < 0) {
            if (Libc.errno() == Errno.EINTR) {
                return 0;
            }
            throw new OsException("epoll_wait", Libc.errno());
        }
        for (int i = 0; i < n; i++) {
            int ready = events.get(ValueLayout.JAVA_INT_UNALIGNED, (long) i * EVENT_SIZE);
            int number = (int) events.get(ValueLayout.JAVA_LONG_UNALIGNED, (long) i * EVENT_SIZE + DATA);
            Handler handler = handler(number);
            if (handler != null) {
                run(handler, number, ready);
            }
        }
        return n;
    }

    @SuppressWarnings("ReferenceEquality") // this very handler, not one that was added instead
    private void run(Handler handler, int number, int ready) {
        boolean done = false;
        try {
            handler.ready(ready);
            done = true;
        } finally {
            if (!done) {
                synchronized (lock) {
                    if (handler(number) == handler) {
                        handlers[number] = null;
                        tryControl(EPOLL_CTL_DEL, number, 0); // may be closed, and so gone, already
                    }
                }
            }
        }
    }

    /** Waits for one descriptor: the bits that hold, or 0 on time-out. Works for regular files too. */
    public static int await(Fd fd, int interest, int timeoutMillis) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pollfd = arena.allocate(8, 4);
            pollfd.set(ValueLayout.JAVA_INT, 0, fd.number());
            pollfd.set(ValueLayout.JAVA_SHORT, 4, (short) interest);
            int n = Libc.POLL.callInt(pollfd.address(), 1, timeoutMillis);
            if (n < 0 && Libc.errno() != Errno.EINTR) {
                throw new OsException("poll", Libc.errno());
            }
            return n <= 0 ? 0 : pollfd.get(ValueLayout.JAVA_SHORT, 6);
        }
    }

    @Override
    public void close() {
        epoll.close();
    }
}
