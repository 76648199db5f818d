package jcrosvm.sound;

import jcrosvm.base.io.Poller;
import jcrosvm.base.io.TimerFd;

/**
 * The clock of a stream: says when each period has passed. Times are counted from the start in frames, so that no error
 * adds up. Allocates nothing.
 */
public final class Pacer implements AutoCloseable {
    private static final long SECOND = 1_000_000_000L;
    /** A host that was stopped for longer does not catch up: the guest would have xruns only. */
    private static final long MOST_LATE = SECOND;

    private final TimerFd timer = new TimerFd();
    private final Poller poller;
    private final int rate;
    private final int periodFrames;
    private boolean isRunning;
    private long base; // nanoTime at a whole number of seconds from the start
    private long frames; // from there to the end of the period that passes

    /** @param due told when a period has passed */
    public Pacer(StreamParameters stream, Poller poller, Runnable due) {
        this.poller = poller;
        rate = stream.rate();
        periodFrames = stream.periodFrames();
        poller.add(timer.fd(), Poller.READABLE, events -> {
            timer.drain();
            due.run();
        });
    }

    /** Lets time run. */
    public void start() {
        isRunning = true;
        begin(System.nanoTime());
    }

    private void begin(long now) {
        base = now;
        frames = 0;
        next();
    }

    public void stop() {
        isRunning = false;
        timer.disarm();
    }

    public boolean isRunning() {
        return isRunning;
    }

    /** Whether the period has passed. */
    public boolean isDue() {
        return isRunning && System.nanoTime() - deadline() >= 0;
    }

    private long deadline() {
        return base + frames * SECOND / rate;
    }

    /** Goes on to the next period. */
    public void advance() {
        if (isRunning) {
            if (System.nanoTime() - deadline() > Math.max(MOST_LATE, 2L * periodFrames * SECOND / rate)) {
                begin(System.nanoTime());
            } else {
                next();
            }
        }
    }

    private void next() {
        frames += periodFrames;
        base += frames / rate * SECOND;
        frames %= rate;
        timer.arm(deadline() - System.nanoTime(), 0);
    }

    @Override
    public void close() {
        isRunning = false;
        poller.remove(timer.fd());
        timer.close();
    }
}
