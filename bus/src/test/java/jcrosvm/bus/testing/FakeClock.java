package jcrosvm.bus.testing;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import jcrosvm.bus.DeviceClock;

/** A clock that stands still until a test moves it; timers run within {@link #advance}. */
public final class FakeClock implements DeviceClock {
    /** 2024-02-28 23:59:58 UTC, a Wednesday: the next day is a leap day. */
    public static final long START_MILLIS = 1_709_164_798_000L;

    private final List<FakeTimer> timers = new ArrayList<>();
    private long nanos;

    @Override
    public synchronized long nanos() {
        return nanos;
    }

    @Override
    public synchronized long wallMillis() {
        return START_MILLIS + nanos / 1_000_000;
    }

    @Override
    public Timer timer(String name, Runnable expired) {
        FakeTimer timer = new FakeTimer(expired);
        synchronized (this) {
            timers.add(timer);
        }
        return timer;
    }

    /** Moves time on, stopping at each timer that is due on the way, in order. */
    public void advance(long byNanos) {
        long end = nanos() + byNanos;
        FakeTimer due;
        while ((due = next(end)) != null) {
            due.expired.run();
        }
        synchronized (this) {
            nanos = end;
        }
    }

    public void advanceMillis(long millis) {
        advance(millis * 1_000_000);
    }

    private synchronized FakeTimer next(long end) {
        FakeTimer due = timers.stream()
                .filter(t -> t.armed && t.deadline <= end)
                .min(Comparator.comparingLong(t -> t.deadline))
                .orElse(null);
        if (due != null) {
            due.armed = false;
            nanos = Math.max(nanos, due.deadline);
        }
        return due;
    }

    /** Timers that wait for something. */
    public synchronized long armed() {
        return timers.stream().filter(t -> t.armed).count();
    }

    private final class FakeTimer implements Timer {
        private final Runnable expired;
        private boolean armed;
        private long deadline;

        FakeTimer(Runnable expired) {
            this.expired = expired;
        }

        @Override
        public void arm(long deadline) {
            synchronized (FakeClock.this) {
                this.deadline = deadline;
                armed = true;
            }
        }

        @Override
        public void cancel() {
            synchronized (FakeClock.this) {
                armed = false;
            }
        }
    }
}
