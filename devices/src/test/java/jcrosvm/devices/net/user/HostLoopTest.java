package jcrosvm.devices.net.user;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import jcrosvm.base.io.ThreadScope;
import org.junit.jupiter.api.Test;

class HostLoopTest {
    @Test
    void aTickThatThrowsIsTold() throws Exception {
        CountDownLatch told = new CountDownLatch(1);
        ThreadScope scope = new ThreadScope((thread, error) -> told.countDown());
        try (HostLoop loop = scope.call(() -> loop())) {
            loop.start();
            assertThat(told.await(20, TimeUnit.SECONDS)).isTrue();
        }
    }

    private static HostLoop loop() {
        try {
            return new HostLoop(new ReentrantLock(), now -> {
                throw new IllegalStateException("test");
            });
        } catch (java.io.IOException e) {
            throw new AssertionError(e);
        }
    }
}
