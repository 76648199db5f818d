package jcrosvm.vmm;

import jcrosvm.base.Limits;

/**
 * The devices' time.
 *
 * @param nanos since the machine started
 * @param wallMillis the wall clock as devices see it, milliseconds since 1970 UTC
 */
public record MachineClockState(long nanos, long wallMillis) {
    private static final long MOST_NANOS = 1L << 62;
    private static final long MOST_MILLIS = 1L << 42;

    public MachineClockState {
        Limits.range("the machine's time", nanos, 0, MOST_NANOS);
        Limits.range("the wall clock", wallMillis, 0, MOST_MILLIS);
    }
}
