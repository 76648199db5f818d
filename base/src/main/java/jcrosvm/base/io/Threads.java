package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import jcrosvm.base.Libc;

/** What threads do to one another, and what the operating system can be told about the calling one. */
public final class Threads {
    private static final int MAX_CPUS = 8192;
    private static final int SCHED_RR = 2;
    private static final int SCHED_RESET_ON_FORK = 0x40000000;

    /** CPUs of this process before the first thread was pinned; empty until then. */
    private static volatile List<Integer> unpinned = List.of();

    private Threads() {}

    /** Lets the calling thread run on all CPUs of the process, if the thread that made it is pinned to some. */
    static void unpin() {
        List<Integer> cpus = unpinned;
        if (!cpus.isEmpty()) {
            set(cpus);
        }
    }

    /** Restricts the calling thread to these host CPUs. */
    public static void pinTo(Collection<Integer> cpus) {
        remember();
        set(cpus);
    }

    private static synchronized void remember() {
        if (unpinned.isEmpty()) {
            unpinned = List.copyOf(cpus());
        }
    }

    private static void set(Collection<Integer> cpus) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mask = arena.allocate(MAX_CPUS / 8, 8);
            for (int cpu : cpus) {
                if (cpu < 0 || cpu >= MAX_CPUS) {
                    throw new IllegalArgumentException("CPU " + cpu);
                }
                long at = cpu / 64 * 8L;
                mask.set(ValueLayout.JAVA_LONG, at, mask.get(ValueLayout.JAVA_LONG, at) | 1L << (cpu % 64));
            }
            Libc.check(
                    "cannot pin a thread to CPUs " + cpus,
                    Libc.SCHED_SETAFFINITY.callInt(0, MAX_CPUS / 8, mask.address()));
        }
    }

    /** The host CPUs that the calling thread may run on, ascending. */
    public static List<Integer> cpus() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mask = arena.allocate(MAX_CPUS / 8, 8);
            Libc.check("cannot read a thread's CPUs", Libc.SCHED_GETAFFINITY.callInt(0, MAX_CPUS / 8, mask.address()));
            List<Integer> cpus = new ArrayList<>();
            for (int cpu = 0; cpu < MAX_CPUS; cpu++) {
                if ((mask.get(ValueLayout.JAVA_LONG, cpu / 64 * 8L) >>> (cpu % 64) & 1) != 0) {
                    cpus.add(cpu);
                }
            }
            return cpus;
        }
    }

    /**
     * Has the calling thread run before all ordinary ones (SCHED_RR); threads that it starts are ordinary.
     *
     * @param priority 1 to 99
     * @throws jcrosvm.base.OsException EPERM without CAP_SYS_NICE and with a smaller RLIMIT_RTPRIO
     */
    public static void realTime(int priority) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment parameter = arena.allocateFrom(ValueLayout.JAVA_INT, priority);
            Libc.check(
                    "cannot set real-time priority " + priority,
                    Libc.SCHED_SETSCHEDULER.callInt(0, SCHED_RR | SCHED_RESET_ON_FORK, parameter.address()));
        }
    }

    /**
     * Waits until a thread has ended; the calling one has not, and is not waited for. An interrupt is put off until then.
     */
    public static void join(Thread thread) {
        boolean interrupted = false;
        while (thread != Thread.currentThread() && thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Runs something when the process ends in order. The thread is there to take that back. */
    public static Thread atExit(String name, Runnable action) {
        Thread hook = Thread.ofPlatform().name(name).unstarted(action);
        Runtime.getRuntime().addShutdownHook(hook);
        return hook;
    }
}
