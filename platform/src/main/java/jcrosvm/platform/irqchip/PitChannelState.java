package jcrosvm.platform.irqchip;

import java.util.Optional;
import jcrosvm.base.Limits;

/**
 * One counter of {@link Pit}. Times are ticks of its input clock since the machine started.
 *
 * @param access bytes that the guest reads and writes: 1 the low one, 2 the high one, 3 both
 * @param reload what it counts from
 * @param loaded whether a count was written since the control word
 * @param triggered whether the gate has risen since then
 * @param start when it began to count
 * @param pausedAt when its gate went down and stopped it
 * @param lowByte the first byte of two
 * @param latched a count that waits to be read
 * @param latchedStatus a status that waits to be read
 */
public record PitChannelState(
        int mode,
        int access,
        boolean bcd,
        int reload,
        boolean loaded,
        boolean triggered,
        long start,
        boolean gate,
        Optional<Long> pausedAt,
        int lowByte,
        boolean writeHigh,
        boolean readHigh,
        Optional<Integer> latched,
        Optional<Integer> latchedStatus) {
    /** No clock runs for so long, and sums of two do not overflow. */
    static final long MOST_TICKS = 1L << 53;

    public PitChannelState {
        Limits.range("the PIT's mode", mode, 0, 5);
        Limits.range("the PIT's access", access, 1, 3);
        Limits.range("the PIT's reload value", reload, 1, 0x10000);
        Limits.range("the PIT's start", start, 0, MOST_TICKS);
        pausedAt.ifPresent(ticks -> Limits.range("the PIT's pause", ticks, 0, MOST_TICKS));
        Limits.bits("the PIT's low byte", lowByte, 0xff);
        latched.ifPresent(count -> Limits.bits("the PIT's latched count", count, 0xffff));
        latchedStatus.ifPresent(status -> Limits.bits("the PIT's latched status", status, 0xff));
    }
}
