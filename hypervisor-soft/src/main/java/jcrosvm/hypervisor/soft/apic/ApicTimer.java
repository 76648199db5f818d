package jcrosvm.hypervisor.soft.apic;

/**
 * The timer of a local APIC (SDM volume 3, 11.5.4): counts down at 1 GHz over the divider, or waits for a value of the
 * time stamp counter. Guarded by its APIC's lock.
 */
final class ApicTimer {
    private static final int ONE_SHOT = 0;
    private static final int PERIODIC = 1;
    private static final int TSC_DEADLINE = 2;
    /** A guest cannot keep the host busy with shorter periods than this. */
    private static final long LEAST_PERIOD = 50_000;

    private static final int DIVIDE_WRITABLE = 0xb;

    private final VmClock clock;
    private final TimeStampCounter tsc;
    private final Timers.Timer timer;

    private int mode = ONE_SHOT;
    private int divide;
    private int initialCount;
    private boolean counting;
    private long end; // of the count or of the period, on the VM's clock
    private long tscDeadline;

    /** @param expired asks {@link #expire} under the lock */
    ApicTimer(VmClock clock, TimeStampCounter tsc, Timers timers, Runnable expired) {
        this.clock = clock;
        this.tsc = tsc;
        timer = timers.timer(expired);
    }

    void reset() {
        stop();
        mode = ONE_SHOT;
        divide = 0;
        initialCount = 0;
    }

    private void stop() {
        counting = false;
        tscDeadline = 0;
        timer.cancel();
    }

    /** @param newMode bits 17 and 18 of the LVT entry */
    void mode(int newMode) {
        if (newMode != mode) {
            if (newMode == TSC_DEADLINE || mode == TSC_DEADLINE) {
                stop();
                initialCount = 0;
            }
            mode = newMode;
        }
    }

    int initialCount() {
        return initialCount;
    }

    void initialCount(int count) {
        if (mode == TSC_DEADLINE) {
            return;
        }
        initialCount = count;
        count(Integer.toUnsignedLong(count));
    }

    private void count(long count) {
        if (count == 0) {
            stop();
            return;
        }
        counting = true;
        end = clock.nanos() + (count << shift());
        timer.arm(end);
    }

    int currentCount() {
        if (!counting) {
            return 0;
        }
        long left = end - clock.nanos();
        return left <= 0 ? 0 : (int) (left >> shift());
    }

    /** Goes on from a saved count instead of from the initial one. */
    void restore(int newInitialCount, int count) {
        if (mode == TSC_DEADLINE) {
            return;
        }
        initialCount = newInitialCount;
        count(Integer.toUnsignedLong(count != 0 || mode == ONE_SHOT ? count : newInitialCount));
    }

    int divide() {
        return divide;
    }

    void divide(int value) {
        int count = currentCount();
        divide = value & DIVIDE_WRITABLE;
        if (counting) {
            count(Integer.toUnsignedLong(count));
        }
    }

    // 0b0000 divides by 2, ... 0b1010 by 128, 0b1011 by 1.
    private int shift() {
        return (((divide & 3) | ((divide >> 1) & 4)) + 1) & 7;
    }

    long tscDeadline() {
        return tscDeadline;
    }

    /** A write of the deadline; 0 disarms. Ignored in the other modes. One in the past is left to {@link #expire}. */
    void tscDeadline(long value) {
        if (mode != TSC_DEADLINE) {
            return;
        }
        tscDeadline = value;
        if (value <= 0 || isPast(value)) {
            timer.cancel(); // a negative one is far in the future
        } else {
            timer.arm(value - tsc.offset());
        }
    }

    private boolean isPast(long value) {
        return tsc.read() >= value;
    }

    /** After the guest wrote its time stamp counter. */
    void tscChanged() {
        tscDeadline(tscDeadline);
    }

    /** Whether the timer has expired; starts the next period. Said once for each expiry. */
    boolean expire() {
        if (mode == TSC_DEADLINE) {
            if (tscDeadline <= 0 || !isPast(tscDeadline)) {
                return false;
            }
            tscDeadline = 0;
            return true;
        }
        long now = clock.nanos();
        if (!counting || now < end) {
            return false;
        }
        if (mode == PERIODIC) {
            long period = Math.max(LEAST_PERIOD, Integer.toUnsignedLong(initialCount) << shift());
            // Periods that were missed altogether are lost: their interrupts would have been one.
            end += ((now - end) / period + 1) * period;
            timer.arm(end);
        } else {
            counting = false;
        }
        return true;
    }
}
