package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;

/**
 * A child process of this one. Its id belongs to it until {@link #reap} has returned.
 *
 * <p>Linux takes the thread that started a child for its parent: a child that asks for a signal at its parent's death gets
 * it when that thread ends.
 */
public final class SpawnedProcess implements AutoCloseable {
    public static final int SIGKILL = 9;

    // System calls, whose numbers are the same on all architectures.
    private static final int PIDFD_SEND_SIGNAL = 424;
    private static final int PIDFD_OPEN = 434;
    private static final int P_PID = 1;
    private static final int WEXITED = 4;
    private static final int CLD_EXITED = 1;
    private static final int PR_SET_PDEATHSIG = 1;

    /**
     * How a process ended.
     *
     * @param isSignal whether a signal ended it
     * @param number of the signal, or its exit code; -1 when something else in this process has taken its status
     */
    public record Ending(boolean isSignal, int number) {
        /** It ended as it wanted, and all was well. */
        public boolean isGood() {
            return !isSignal && number == 0;
        }

        @Override
        public String toString() {
            if (isSignal) {
                return "was ended by signal " + number + (number == SIGKILL ? " (SIGKILL)" : "");
            }
            return number < 0 ? "has ended" : "has ended with exit code " + number;
        }
    }

    private final int pid;
    private final Fd fd;

    private SpawnedProcess(int pid, Fd fd) {
        this.pid = pid;
        this.fd = fd;
    }

    /**
     * Starts a program in a process group of its own, with no signal blocked or ignored.
     *
     * @param arguments from the program's name on
     * @param environment all of it, as {@code NAME=VALUE}
     * @param descriptors which the child has as 0, 1, 2 and so on, and no others; they stay the caller's
     * @throws OsException when it cannot be started
     */
    public static SpawnedProcess start(
            Path program, List<String> arguments, List<String> environment, List<Fd> descriptors) {
        int pid = Spawn.start(program, arguments, environment, descriptors);
        int fd = (int) Libc.SYSCALL.call(PIDFD_OPEN, pid, 0);
        if (fd < 0) {
            OsException failure = new OsException("pidfd_open", Libc.errno());
            Libc.TGKILL.callInt(pid, pid, SIGKILL);
            reap(pid);
            throw failure;
        }
        return new SpawnedProcess(pid, Fd.adopt(fd));
    }

    public int pid() {
        return pid;
    }

    /** Readable when the process has ended. */
    public Fd fd() {
        return fd;
    }

    /** Sends a signal; one that has ended does not mind. */
    public void signal(int number) {
        int result = (int) Libc.SYSCALL.call(PIDFD_SEND_SIGNAL, fd.number(), number, 0);
        if (result < 0 && Libc.errno() != Errno.ESRCH) {
            throw new OsException("pidfd_send_signal", Libc.errno());
        }
    }

    /** Waits for its end, and lets the system forget it. */
    public Ending reap() {
        return reap(pid);
    }

    private static Ending reap(int pid) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = arena.allocate(128, 8);
            int result;
            do {
                result = (int) Libc.WAITID.call(P_PID, pid, info.address(), WEXITED, 0, 0, 0);
            } while (result < 0 && Libc.errno() == Errno.EINTR);
            if (result < 0) {
                return new Ending(false, -1); // SIGCHLD is ignored, or a wait for any child came first
            }
            // siginfo_t: si_code 8, si_status 24
            boolean isSignal = info.get(ValueLayout.JAVA_INT, 8) != CLD_EXITED;
            return new Ending(isSignal, info.get(ValueLayout.JAVA_INT, 24));
        }
    }

    /**
     * Has the calling process killed when the thread ends that started it, also by force. To be called on a thread that
     * lives as long as the process.
     *
     * @param parent process id that the parent says it has
     * @return false when it has ended already
     */
    public static boolean dieWithParent(int parent) {
        Libc.check("prctl PR_SET_PDEATHSIG", Libc.PRCTL.callInt(PR_SET_PDEATHSIG, SIGKILL));
        return Libc.GETPPID.callInt(0) == parent;
    }

    @Override
    public void close() {
        fd.close();
    }
}
