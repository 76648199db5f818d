package jcrosvm.base.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ThreadScopeTest {
    private final BlockingQueue<String> failures = new LinkedBlockingQueue<>();
    private final ThreadScope scope =
            new ThreadScope((thread, error) -> failures.add(thread.getName() + ": " + error.getMessage()));

    private String failure() throws InterruptedException {
        return failures.poll(20, TimeUnit.SECONDS);
    }

    private static void fail(String message) {
        throw new AssertionError(message);
    }

    @Test
    void theOwnerLearnsOfEveryThrowable() throws InterruptedException {
        scope.start("a", () -> fail("no"));
        assertThat(failure()).isEqualTo("a: no");
        scope.start("b", () -> recurse(0));
        assertThat(failure()).isEqualTo("b: null");
        Threads.join(scope.start("c", () -> {}));
        assertThat(failures).isEmpty();
    }

    private static int recurse(int depth) {
        return recurse(depth + 1) + 1;
    }

    @Test
    void threadsOfThreadsBelongToTheSameScope() throws InterruptedException {
        scope.call(() ->
                ThreadScope.current().start("outer", () -> ThreadScope.current().start("inner", () -> fail("deep"))));
        assertThat(failure()).isEqualTo("inner: deep");
    }

    @Test
    void aScopeIsLeftAgain() {
        assertThat(scope.<ThreadScope>call(ThreadScope::current)).isSameAs(scope);
        assertThat(ThreadScope.current()).isNotSameAs(scope);
        assertThatThrownBy(() -> scope.call(() -> {
                    fail("here");
                    return 1;
                }))
                .hasMessage("here");
        assertThat(failures).isEmpty();
    }

    @Test
    void outsideOfScopesFailuresAreUncaught() throws InterruptedException {
        Thread thread = ThreadScope.current().unstarted("free", 0, () -> fail("nobody"));
        thread.setUncaughtExceptionHandler(
                (failed, error) -> failures.add(failed.getName() + " " + error.getMessage()));
        thread.start();
        assertThat(failure()).isEqualTo("free nobody");
    }

    @Test
    void anActionThatThrowsEndsItsEventThread() throws InterruptedException {
        EventThread events = scope.call(() -> new EventThread("events"));
        EventFd event = new EventFd();
        events.add(event, () -> fail("action"));
        event.signal();
        assertThat(failure()).isEqualTo("events: action");
        events.close();
        events.remove(event.fd());
        assertThatThrownBy(() -> events.add(event, () -> {})).hasMessageContaining("has ended");
        event.close();
    }

    @Test
    void joinPutsAnInterruptOff() {
        Thread caller = Thread.currentThread();
        Thread other = scope.start("other", caller::interrupt);
        Threads.join(other);
        assertThat(other.isAlive()).isFalse();
        assertThat(Thread.interrupted()).isTrue();
        Threads.join(caller);
    }
}
