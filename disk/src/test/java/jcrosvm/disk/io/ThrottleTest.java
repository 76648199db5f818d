package jcrosvm.disk.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicLong;
import jcrosvm.disk.io.DiskRequest.Kind;
import org.junit.jupiter.api.Test;

/** On a clock of its own: what is admitted is counted, no time passes. */
class ThrottleTest {
    private static final long SECOND = 1_000_000_000L;

    private final AtomicLong clock = new AtomicLong(123);

    private Throttle throttle(long bps, long iops, long readBps, long writeIops) {
        return new Throttle(new ThrottleConfig(bps, readBps, 0, iops, 0, writeIops, 100), clock::get);
    }

    /** Requests admitted in a time, from one that asks again exactly when it was told to. */
    private long admitted(Throttle throttle, Kind kind, long length, long nanos) {
        long end = clock.get() + nanos;
        long count = 0;
        while (true) {
            long wait = throttle.admit(kind, length);
            if (wait == 0) {
                count++;
                continue;
            }
            if (clock.get() + wait >= end) {
                clock.set(end);
                return count;
            }
            clock.addAndGet(wait);
        }
    }

    @Test
    void requestsPerSecond() {
        Throttle throttle = throttle(0, 1000, 0, 0);
        assertThat(admitted(throttle, Kind.READ, 4096, SECOND)).isBetween(1099L, 1102L); // with burst
        assertThat(admitted(throttle, Kind.WRITE, 4096, SECOND)).isBetween(999L, 1001L);
        clock.addAndGet(3600 * SECOND); // nobody can save up more than the burst
        assertThat(admitted(throttle, Kind.WRITE, 0, SECOND)).isBetween(1099L, 1102L);
    }

    @Test
    void bytesPerSecond() {
        Throttle throttle = throttle(1 << 20, 0, 0, 0);
        admitted(throttle, Kind.READ, 4096, SECOND);
        assertThat(admitted(throttle, Kind.READ, 4096, 10 * SECOND)).isBetween(2559L, 2561L);
        // Longer than a second's worth: late, but admitted.
        assertThat(admitted(throttle, Kind.READ, 4 << 20, 40 * SECOND)).isBetween(9L, 11L);
    }

    @Test
    void directionsApart() {
        Throttle throttle = throttle(0, 0, 4096, 10);
        admitted(throttle, Kind.READ, 4096, SECOND);
        admitted(throttle, Kind.WRITE, 4096, SECOND);
        assertThat(admitted(throttle, Kind.WRITE, 1 << 20, 10 * SECOND)).isBetween(99L, 101L);
        assertThat(admitted(throttle, Kind.DISCARD, 0, 10 * SECOND)).isBetween(99L, 101L);
        assertThat(throttle.admit(Kind.READ, 512)).isZero();
    }

    @Test
    void flushesAreFree() {
        Throttle throttle = throttle(1, 1, 1, 1);
        assertThat(throttle.admit(Kind.WRITE, 1L << 30)).isZero();
        assertThat(throttle.admit(Kind.WRITE, 512)).isPositive();
        for (int i = 0; i < 1000; i++) {
            assertThat(throttle.admit(Kind.FLUSH, 0)).isZero();
        }
    }
}
