package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import jcrosvm.base.Libc;

/** Threads that serve others, and the host CPUs that threads run on. */
public final class Threads {
    private static final int MAX_CPUS = 8192;
    private static final long DEFAULT_STACK = 0;

    /** CPUs of this process before the first thread was pinned; empty until then. */
    private static volatile List<Integer> unpinned = List.of();

    private Threads() {}

    /**
     * A daemon thread, not started. It may run on all CPUs of the process, also when the thread that makes it is pinned:
     * devices start their threads when they first need them, which is often on a vCPU's thread.
     */
    public static Thread daemon(String name, Runnable task) {
        return daemon(name, DEFAULT_STACK, task);
    }

    /**
     * The same with a stack of this size.
     *
     * @param stack bytes
     */
    public static Thread daemon(String name, long stack, Runnable task) {
        return Thread.ofPlatform().name(name).stackSize(stack).daemon().unstarted(() -> {
            unpin();
            task.run();
        });
    }

    private static void unpin() {
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
}
