package jcrosvm.bus.testing;

import java.lang.reflect.Method;

/** How many bytes this thread has allocated. By reflection, since the tested modules do not read jdk.management. */
public final class Allocation {
    private Allocation() {}

    /** The fewest bytes that one of a few runs allocated, so that warming up and profiling do not count. */
    public static long leastOf(int runs, Runnable work) {
        try {
            Object threads = Class.forName("java.lang.management.ManagementFactory")
                    .getMethod("getThreadMXBean")
                    .invoke(null);
            Method allocated =
                    Class.forName("com.sun.management.ThreadMXBean").getMethod("getCurrentThreadAllocatedBytes");
            long least = Long.MAX_VALUE;
            for (int i = 0; i < runs; i++) {
                long before = (long) allocated.invoke(threads);
                work.run();
                least = Math.min(least, (long) allocated.invoke(threads) - before);
            }
            return least;
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }
}
