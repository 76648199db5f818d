package jcrosvm.network.user;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
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

    /** A closed socket lives until the selector has seen it: too many of them, and no more are opened. */
    @Test
    void socketsThatAreClosedAreCounted() throws Exception {
        ReentrantLock lock = new ReentrantLock();
        try (HostLoop loop = new HostLoop(lock, now -> Long.MAX_VALUE / 4)) {
            lock.lock();
            try {
                for (int i = 0; i < 200; i++) {
                    DatagramChannel channel = DatagramChannel.open();
                    loop.register(channel, SelectionKey.OP_READ, key -> {});
                    loop.close(channel);
                }
                assertThat(loop.isBehind()).isTrue();
            } finally {
                lock.unlock();
            }
            loop.start();
            long end = System.nanoTime() + 20_000_000_000L;
            boolean isBehind = true;
            while (isBehind && System.nanoTime() < end) {
                lock.lock();
                isBehind = loop.isBehind();
                lock.unlock();
                Thread.onSpinWait();
            }
            assertThat(isBehind).isFalse();
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
