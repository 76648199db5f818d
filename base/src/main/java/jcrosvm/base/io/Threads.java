package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collection;
import jcrosvm.base.Libc;

/** What the operating system can be told about the calling thread. */
public final class Threads {
    private static final int MAX_CPUS = 8192;

    private Threads() {}

    /** Restricts the calling thread to these host CPUs. */
    public static void pinTo(Collection<Integer> cpus) {
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
}
