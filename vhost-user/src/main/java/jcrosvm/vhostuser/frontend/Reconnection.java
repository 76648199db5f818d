package jcrosvm.vhostuser.frontend;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/**
 * How a front end gets a backend again that it has lost.
 *
 * @param seconds how long it tries
 * @param attempt connects; throws a {@link VmmException} when no backend is there
 */
record Reconnection(int seconds, Supplier<BackEnd> attempt) {
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    /**
     * Tries until a backend is there and is taken.
     *
     * @param isNeeded false when it is to give up at once
     * @param take whether a backend, which belongs to it from then on, has taken the place
     * @return whether one has
     */
    boolean run(BooleanSupplier isNeeded, Predicate<BackEnd> take) {
        long began = System.nanoTime();
        long limit = TimeUnit.SECONDS.toNanos(seconds);
        while (isNeeded.getAsBoolean() && System.nanoTime() - began < limit) {
            BackEnd next = connect();
            if (next != null && take.test(next)) {
                return true;
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
        return false;
    }

    private @Nullable BackEnd connect() {
        try {
            return attempt.get();
        } catch (VmmException e) {
            return null; // it is not there yet, or it is gone again
        }
    }
}
