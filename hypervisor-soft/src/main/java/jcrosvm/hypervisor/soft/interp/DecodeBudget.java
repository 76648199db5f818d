package jcrosvm.hypervisor.soft.interp;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * How much decoded code the processors of a VM may keep, in objects of some 200 bytes. A processor that gets nothing any
 * more throws its own away; a small share is each processor's in any case.
 */
public final class DecodeBudget {
    /** Some 25 MB. */
    private static final int LIMIT = 128 << 10;
    /** Of one processor, whatever the others have. */
    private static final int SHARE = 1 << 10;

    private final AtomicInteger left = new AtomicInteger(LIMIT);

    /**
     * Takes one, in any case.
     *
     * @param held what the processor has already
     * @return false when that was more than the processor may have: it gives everything back before it takes much more
     */
    boolean take(int held) {
        return left.getAndDecrement() > 0 || held < SHARE;
    }

    void give(int count) {
        left.addAndGet(count);
    }

    /** For tests: what was taken. */
    int taken() {
        return LIMIT - left.get();
    }
}
