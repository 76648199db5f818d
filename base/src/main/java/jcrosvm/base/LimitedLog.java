package jcrosvm.base;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * A log for what a guest or a client can cause as often as it likes: some lines at once, then one a minute, which tells
 * how many were left out. Those are debug lines. One for a kind of message in the whole program, in a static field: what
 * causes the messages may come and go, as connections and machines do. Debug lines are not limited. Thread-safe.
 */
public final class LimitedLog {
    /** Lines at once. */
    public static final int BURST = 10;

    private static final long REFILL_NANOS = TimeUnit.MINUTES.toNanos(1);

    private final System.Logger log;
    private final LongSupplier clock;
    private int left = BURST; // all guarded by this
    private long refilled;
    private long hidden;

    /** @param name of the logger */
    public LimitedLog(String name) {
        this(System.getLogger(name), System::nanoTime);
    }

    LimitedLog(System.Logger log, LongSupplier clock) {
        this.log = log;
        this.clock = clock;
        refilled = clock.getAsLong();
    }

    /** The log of a class. */
    public static LimitedLog of(Class<?> type) {
        return new LimitedLog(type.getName());
    }

    public void log(System.Logger.Level level, String message) {
        long before = admit(level);
        if (before < 0) {
            log.log(System.Logger.Level.DEBUG, message);
        } else {
            log.log(level, complete(message, before));
        }
    }

    /** For a defect: the log tells where it is. */
    public void log(System.Logger.Level level, String message, Throwable error) {
        long before = admit(level);
        if (before < 0) {
            log.log(System.Logger.Level.DEBUG, message, error);
        } else {
            log.log(level, complete(message, before), error);
        }
    }

    private static String complete(String message, long before) {
        return before == 0 ? message : message + " (" + before + " messages of this kind were left out)";
    }

    /** How many lines were left out before this one, or -1 when it is left out too. */
    private synchronized long admit(System.Logger.Level level) {
        if (level.compareTo(System.Logger.Level.DEBUG) <= 0) {
            return 0;
        }
        long now = clock.getAsLong();
        long more = (now - refilled) / REFILL_NANOS;
        if (more > 0) {
            left = (int) Math.min(BURST, left + more);
            refilled += more * REFILL_NANOS;
        }
        if (left == 0) {
            hidden++;
            return -1;
        }
        left--;
        long before = hidden;
        hidden = 0;
        return before;
    }
}
