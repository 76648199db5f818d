package jcrosvm.bus;

/** Time as devices see it; it stands still while the machine is fully suspended. Thread-safe. */
public interface DeviceClock {
    /** Nanoseconds since the machine started. */
    long nanos();

    /** The host's wall clock, milliseconds since 1970 UTC. */
    long wallMillis();

    /**
     * A timer that runs {@code expired} on the machine's event thread, never twice at a time.
     *
     * @param name for diagnostics
     */
    Timer timer(String name, Runnable expired);

    /** One-shot. */
    interface Timer {
        /** Arms it for {@code deadline} in terms of {@link #nanos()}, replacing an earlier setting. The past fires soon. */
        void arm(long deadline);

        void cancel();
    }
}
