package jcrosvm.e2e;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/** What a guest prints on its console, and waiting for it. Markers are lines that start with {@code "@@ "}. */
final class Transcript {
    private static final long LAST_WORDS_SECONDS = 3;
    private static final long LOOK_MILLIS = 1000;

    private final long limitSeconds;
    private final BooleanSupplier broken;
    private final ByteArrayOutputStream received = new ByteArrayOutputStream(); // guarded by itself
    private boolean open = true; // guarded by received
    private boolean ended; // guarded by received

    /**
     * Of a guest that has printed nothing yet.
     *
     * @param limitSeconds how long anything is waited for
     * @param broken looked at now and then: whether waiting has become pointless
     */
    Transcript(long limitSeconds, BooleanSupplier broken) {
        this.limitSeconds = limitSeconds;
        this.broken = broken;
    }

    void append(byte[] bytes, int length) {
        synchronized (received) {
            received.write(bytes, 0, length);
            received.notifyAll();
        }
    }

    /** Nothing more will come. */
    void close() {
        synchronized (received) {
            open = false;
            received.notifyAll();
        }
    }

    /** The VM has ended; what it printed last may still be on its way. */
    void end() {
        synchronized (received) {
            ended = true;
            received.notifyAll();
        }
    }

    /** All that the guest has printed. */
    String text() {
        synchronized (received) {
            return received.toString(StandardCharsets.UTF_8).replace("\r", "");
        }
    }

    /** Waits for the marker's n-th line: its rest. */
    String awaitMarker(String marker, int n) {
        String start = "@@ " + marker;
        await(
                text -> text.endsWith("\n")
                        && text.lines().filter(l -> l.startsWith(start)).count() >= n,
                start);
        return text().lines()
                .filter(l -> l.startsWith(start))
                .skip(n - 1L)
                .findFirst()
                .orElseThrow()
                .substring(start.length())
                .strip();
    }

    /** Waits until the output contains a text n times. */
    void awaitText(String wanted, int n) {
        await(text -> text.split(Pattern.quote(wanted), -1).length > n, wanted);
    }

    private void await(Predicate<String> condition, String what) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(limitSeconds);
        boolean last = false;
        synchronized (received) {
            while (!condition.test(text())) {
                if (!last && ended) {
                    last = true;
                    deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LAST_WORDS_SECONDS);
                }
                long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                if (left <= 0 || !open || broken.getAsBoolean()) {
                    throw new AssertionError("no \"" + what + "\" in the guest's output:\n" + text());
                }
                try {
                    received.wait(Math.min(left, LOOK_MILLIS));
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }
        }
    }
}
