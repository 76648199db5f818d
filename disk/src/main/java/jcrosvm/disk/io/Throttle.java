package jcrosvm.disk.io;

import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Limits requests and bytes per second. Each limit is a bucket that unused time fills and requests empty; a request may
 * begin while there is something in every bucket that it takes from, and may overdraw it, so that no request is too big
 * for any bucket. Thread-safe: the queues of a disk share one.
 */
public final class Throttle {
    private static final double NANOS = 1e9;
    private static final long MILLI = 1_000_000;

    /** About nine years: sums of two still are far from the end of a long. */
    private static final long LONGEST = 1L << 58;

    /** No limits. */
    public static final Throttle NONE = new Throttle(null, () -> 0);

    /** A limit, as the time at which its bucket is full again. */
    private static final class Bucket {
        private final double nanosPerUnit;
        private final long burst;
        private long full;

        Bucket(long perSecond, long burst) {
            nanosPerUnit = perSecond == 0 ? 0 : NANOS / perSecond;
            this.burst = burst;
        }

        /** Nanoseconds until there is something in it. */
        long empty(long now) {
            return nanosPerUnit == 0 ? 0 : Math.max(0, full - now - burst + 1);
        }

        void take(long units, long now) {
            if (nanosPerUnit != 0) {
                full = Math.max(full, now) + Math.min(LONGEST, Math.round(units * nanosPerUnit));
            }
        }
    }

    private final boolean limited;
    private final LongSupplier clock;
    private final long epoch;
    private final Bucket bytes;
    private final Bucket requests;
    private final Bucket[] bytesOf;
    private final Bucket[] requestsOf;

    /** @param clock nanoseconds from an arbitrary origin, never backwards */
    public Throttle(@Nullable ThrottleConfig config, LongSupplier clock) {
        limited = config != null;
        this.clock = clock;
        epoch = clock.getAsLong();
        ThrottleConfig limits = config == null ? ThrottleConfig.defaults() : config;
        long burst = limits.burst() * MILLI;
        bytes = new Bucket(limits.bps(), burst);
        requests = new Bucket(limits.iops(), burst);
        bytesOf = new Bucket[] {new Bucket(limits.readBps(), burst), new Bucket(limits.writeBps(), burst)};
        requestsOf = new Bucket[] {new Bucket(limits.readIops(), burst), new Bucket(limits.writeIops(), burst)};
    }

    /**
     * Asks for a request to begin, which counts from now on if it may.
     *
     * @param kind of the request
     * @param length bytes to read or write
     * @return 0 if it may, else for how many nanoseconds it may not
     */
    public long admit(DiskRequest.Kind kind, long length) {
        if (!limited) {
            return 0;
        }
        int direction = switch (kind) {
            case READ -> 0;
            case WRITE, DISCARD, WRITE_ZEROES -> 1;
            case FLUSH, OTHER -> -1;
        };
        return direction < 0 ? 0 : admitTo(direction, length);
    }

    private synchronized long admitTo(int direction, long length) {
        long now = clock.getAsLong() - epoch;
        long wait = Math.max(
                Math.max(bytes.empty(now), bytesOf[direction].empty(now)),
                Math.max(requests.empty(now), requestsOf[direction].empty(now)));
        if (wait == 0) {
            bytes.take(length, now);
            bytesOf[direction].take(length, now);
            requests.take(1, now);
            requestsOf[direction].take(1, now);
        }
        return wait;
    }
}
