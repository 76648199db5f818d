package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.Libc;

/**
 * Interrupts a blocking system call of one thread with a signal that does nothing else.
 *
 * <p>The handler is libc's {@code abs}: a pure function of an int is a valid signal handler, and no Java runs in signal
 * context. It is installed without SA_RESTART, so the call returns EINTR.
 */
public final class ThreadKick {
    // A real-time signal that HotSpot does not use.
    private static final int SIGNAL = 40;
    private static final int SIG_UNBLOCK = 1;

    private static final class Handler {
        static final int INSTALLED = install();

        private static int install() {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment action = arena.allocate(152, 8); // handler 0, mask 8..135, flags 136, restorer 144
                action.set(ValueLayout.JAVA_LONG, 0, Libc.ABS.address());
                return Libc.check("sigaction", Libc.SIGACTION.callInt(SIGNAL, action.address(), 0));
            }
        }
    }

    private final int process;
    private final int thread;

    private ThreadKick() {
        process = (int) ProcessHandle.current().pid();
        thread = Libc.GETTID.callInt(0);
    }

    /** For the calling thread. The thread must outlive the last {@link #send()}. */
    public static ThreadKick forCurrentThread() {
        if (Handler.INSTALLED != 0) {
            throw new AssertionError("no signal handler");
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment set = arena.allocate(128, 8);
            set.set(ValueLayout.JAVA_LONG, 0, 1L << (SIGNAL - 1));
            Libc.check("pthread_sigmask", -Libc.SIGNAL_MASK.callInt(SIG_UNBLOCK, set.address(), 0));
        }
        return new ThreadKick();
    }

    /** Sends the signal; a thread that is gone is not an error. */
    public void send() {
        Libc.TGKILL.callInt(process, thread, SIGNAL);
    }
}
