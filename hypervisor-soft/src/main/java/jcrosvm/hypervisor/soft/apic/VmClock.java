package jcrosvm.hypervisor.soft.apic;

import java.util.function.LongSupplier;

/**
 * A VM's time in nanoseconds, which is also its time stamp counters' before any offset. Host time less an origin that
 * moves when the clock is set, so that counters, timers and the paravirtual clock always agree. Thread-safe.
 */
public final class VmClock {
    private final LongSupplier host;
    private volatile long origin;

    /** @param host monotonic nanoseconds, such as {@code System::nanoTime} */
    public VmClock(LongSupplier host) {
        this.host = host;
        origin = host.getAsLong();
    }

    public long nanos() {
        return host.getAsLong() - origin;
    }

    public void set(long nanos) {
        origin = host.getAsLong() - nanos;
    }

    /** What to take from host time to get this clock's. */
    public long origin() {
        return origin;
    }
}
