package jcrosvm.hypervisor.soft.apic;

import java.util.function.LongSupplier;

/**
 * A VM's time in nanoseconds, which is also its time stamp counters' before any offset. Host time less an origin that
 * moves when the clock is set or stopped, so that counters, timers and the paravirtual clock always agree. Thread-safe.
 */
public final class VmClock {
    private final LongSupplier host;
    private volatile long origin;
    private volatile long stopped; // the host's time when it stopped
    private volatile boolean isStopped;

    /** @param host monotonic nanoseconds, such as {@code System::nanoTime} */
    public VmClock(LongSupplier host) {
        this.host = host;
        origin = host.getAsLong();
    }

    public long nanos() {
        return now() - origin;
    }

    private long now() {
        return isStopped ? stopped : host.getAsLong();
    }

    public synchronized void set(long nanos) {
        origin = now() - nanos;
    }

    /** Stops it, or lets it go on from where it stopped. */
    public synchronized void run(boolean on) {
        if (on == isStopped) {
            if (on) {
                origin += host.getAsLong() - stopped;
            } else {
                stopped = host.getAsLong();
            }
            isStopped = !on;
        }
    }

    boolean isStopped() {
        return isStopped;
    }

    /** What to take from host time to get this clock's. */
    public long origin() {
        return origin;
    }
}
