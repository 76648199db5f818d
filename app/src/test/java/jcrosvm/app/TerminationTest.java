package jcrosvm.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.config.Value;
import jcrosvm.vmm.VmControl;
import jcrosvm.vmm.VmRequest;
import org.junit.jupiter.api.Test;

class TerminationTest {
    private static final Duration SHORT = Duration.ofMillis(20);
    private static final Duration LONG = Duration.ofHours(1);

    /** Counts, and presses its button as told. */
    private static final class Vm implements VmControl {
        @Override
        public CompletionStage<Value> performOnDevices(VmRequest request) {
            throw new OsException(request.verb(), Errno.ENOTSUP);
        }

        final AtomicInteger presses = new AtomicInteger();
        final AtomicInteger stops = new AtomicInteger();
        final CountDownLatch stopped = new CountDownLatch(1);
        final Runnable button;

        Vm(Runnable button) {
            this.button = button;
        }

        @Override
        public void stop() {
            stops.incrementAndGet();
            stopped.countDown();
        }

        @Override
        public void powerButton() {
            presses.incrementAndGet();
            button.run();
        }

        @Override
        public void sleepButton() {
            throw new AssertionError();
        }

        @Override
        public void suspend(boolean full) {
            throw new AssertionError();
        }

        @Override
        public void resume(boolean full) {
            throw new AssertionError();
        }

        boolean isStoppedSoon() throws InterruptedException {
            return stopped.await(60, TimeUnit.SECONDS);
        }
    }

    @Test
    void pressesTheButtonThenWaits() {
        Vm vm = new Vm(() -> {});
        Termination termination = new Termination(vm, LONG);
        termination.run();
        assertThat(vm.presses).hasValue(1);
        assertThat(vm.stops).hasValue(0);
        termination.ended();
    }

    @Test
    void stopsWhenTheGracePeriodIsOver() throws InterruptedException {
        Vm vm = new Vm(() -> {});
        new Termination(vm, SHORT).run();
        assertThat(vm.isStoppedSoon()).isTrue();
    }

    @Test
    void stopsAtASecondSignal() {
        AtomicLong clock = new AtomicLong(Long.MAX_VALUE - 5); // it may overflow
        Vm vm = new Vm(() -> {});
        Termination termination = new Termination(vm, LONG, clock::get);
        termination.run();
        clock.addAndGet(TimeUnit.SECONDS.toNanos(1));
        termination.run();
        termination.run();
        assertThat(vm.presses).hasValue(1);
        assertThat(vm.stops).hasValue(1);
        termination.ended();
    }

    /** A terminal that closes under a program which passes the signal on. */
    @Test
    void takesSignalsWithinASecondForOne() {
        AtomicLong clock = new AtomicLong();
        Vm vm = new Vm(() -> {});
        Termination termination = new Termination(vm, LONG, clock::get);
        for (int i = 0; i < 10; i++) {
            termination.run();
            clock.addAndGet(TimeUnit.MILLISECONDS.toNanos(99));
        }
        assertThat(vm.presses).hasValue(1);
        assertThat(vm.stops).hasValue(0);
        termination.ended();
    }

    @Test
    void stopsAtOnceWithoutGracePeriod() {
        Vm vm = new Vm(() -> {});
        new Termination(vm, Duration.ZERO).run();
        assertThat(vm.presses).hasValue(0);
        assertThat(vm.stops).hasValue(1);
    }

    @Test
    void stopsAtOnceWithoutButton() {
        Vm vm = new Vm(() -> {
            throw new OsException("the machine has no ACPI", Errno.ENOTSUP);
        });
        Termination termination = new Termination(vm, LONG);
        termination.run();
        assertThat(vm.stops).hasValue(1);
        termination.ended();
    }

    @Test
    void keepsTheGracePeriodWhateverTheButtonDoes() throws InterruptedException {
        Vm vm = new Vm(() -> {
            throw new IllegalStateException("descriptor is closed");
        });
        new Termination(vm, SHORT).run();
        assertThat(vm.isStoppedSoon()).isTrue();
    }

    @Test
    void keepsTheGracePeriodWhileTheButtonIsStuck() throws InterruptedException {
        CountDownLatch released = new CountDownLatch(1);
        Vm vm = new Vm(() -> {
            try {
                released.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        Thread signal = Thread.ofPlatform().daemon().start(new Termination(vm, SHORT));
        assertThat(vm.isStoppedSoon()).isTrue();
        released.countDown();
        signal.join();
    }

    @Test
    void leavesAnEndedVmAlone() throws InterruptedException {
        Vm vm = new Vm(() -> {});
        Termination termination = new Termination(vm, SHORT);
        termination.ended();
        termination.run();
        assertThat(vm.stopped.await(200, TimeUnit.MILLISECONDS)).isFalse();
    }
}
