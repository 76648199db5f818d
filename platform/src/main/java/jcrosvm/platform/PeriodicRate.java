package jcrosvm.platform;

/** The rate of the real-time clock's periodic interrupt, the low four bits of its register A. */
final class PeriodicRate {
    private static final int RATE = 0x0f;
    private static final long SECOND = 1_000_000_000L;

    private PeriodicRate() {}

    /** Nanoseconds between two interrupts, 0 for none. */
    static long nanos(int registerA) {
        int rate = registerA & RATE;
        if (rate == 0) {
            return 0;
        }
        int shift = rate <= 2 ? rate + 6 : rate - 1; // the two fastest of a 32 kHz clock repeat slower ones
        return (SECOND << shift) / 32768;
    }
}
