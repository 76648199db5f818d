package jcrosvm.hypervisor.soft.apic;

/** A processor's counter: 1 GHz, the VM's nanoseconds plus what the guest added by writing it. */
public final class TimeStampCounter {
    public static final long HERTZ = 1_000_000_000L;

    private final VmClock clock;
    private volatile long offset;

    public TimeStampCounter(VmClock clock) {
        this.clock = clock;
    }

    public long read() {
        return clock.nanos() + offset;
    }

    /** What to add to the host's time to get the counter. */
    public long fromHost() {
        return offset - clock.origin();
    }

    /** Ticks ahead of the VM's clock. */
    public long offset() {
        return offset;
    }

    public void offset(long ticks) {
        offset = ticks;
    }
}
