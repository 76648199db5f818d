package jcrosvm.base.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.OsException;
import org.junit.jupiter.api.Test;

/** What an Error does is in {@link ThreadScopeTest}. */
class EventThreadTest {
    private final BlockingQueue<String> seen = new LinkedBlockingQueue<>();
    private final ThreadScope scope = new ThreadScope((thread, error) -> seen.add("ended: " + error));

    private String next() throws InterruptedException {
        return seen.poll(20, TimeUnit.SECONDS);
    }

    @Test
    void anActionThatThrowsLosesItsEventOnly() throws InterruptedException {
        try (EventThread events = scope.call(() -> new EventThread("events"));
                EventFd bad = new EventFd();
                EventFd raw = new EventFd();
                EventFd good = new EventFd()) {
            events.add(bad, () -> {
                seen.add("bad");
                throw new IllegalStateException("no");
            });
            events.add(raw.fd(), () -> {
                raw.drain();
                seen.add("raw");
                throw new OsException("write", 5);
            });
            events.add(good, () -> seen.add("good"));
            for (int i = 0; i < 30; i++) { // more often than the log has lines
                bad.signal();
                assertThat(next()).isEqualTo("bad");
                raw.signal();
                assertThat(next()).isEqualTo("raw");
                good.signal();
                assertThat(next()).isEqualTo("good");
            }
        }
        assertThat(seen).isEmpty();
    }

    @Test
    void whatIsRemovedIsNotCalledAnyMore() throws InterruptedException {
        try (EventThread events = scope.call(() -> new EventThread("events"));
                EventFd one = new EventFd();
                EventFd other = new EventFd()) {
            events.add(one, () -> seen.add("one"));
            events.add(other, () -> seen.add("other"));
            one.signal();
            assertThat(next()).isEqualTo("one");
            events.remove(one.fd());
            one.signal();
            other.signal();
            assertThat(next()).isEqualTo("other");
        }
        assertThat(seen).isEmpty();
    }
}
