package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jcrosvm.bus.DeviceClock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MachineClockTest {
    private static final long HOUR = 3_600_000_000_000L;

    private final MachineClock clock = new MachineClock(true);

    @AfterEach
    void close() {
        clock.close();
    }

    @Test
    void timersFireInOrderOfTheirDeadlines() throws InterruptedException {
        List<String> fired = new CopyOnWriteArrayList<>();
        CountDownLatch last = new CountDownLatch(1);
        clock.suspend();
        long now = clock.nanos();
        clock.timer("c", last::countDown).arm(now + 3000);
        clock.timer("b", () -> fired.add("b")).arm(now + 2000);
        clock.timer("a", () -> fired.add("a")).arm(now + 1000);
        clock.resume();
        assertThat(last.await(20, TimeUnit.SECONDS)).isTrue();
        assertThat(fired).containsExactly("a", "b");
    }

    @Test
    void rearmingReplacesAndCancellingStops() throws InterruptedException {
        CountDownLatch fired = new CountDownLatch(1);
        DeviceClock.Timer timer = clock.timer("t", fired::countDown);
        timer.arm(clock.nanos() + HOUR);
        DeviceClock.Timer cancelled = clock.timer("x", () -> {
            throw new AssertionError("cancelled");
        });
        cancelled.arm(clock.nanos() + 1_000_000);
        cancelled.cancel();
        timer.arm(clock.nanos() + 2_000_000);
        assertThat(fired.await(20, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void timeStandsStillWhileSuspended() {
        clock.suspend();
        long at = clock.nanos();
        long until = System.nanoTime() + 2_000_000;
        while (System.nanoTime() < until) {
            Thread.onSpinWait();
        }
        assertThat(clock.nanos()).isEqualTo(at);
        clock.resume();
        assertThat(clock.nanos()).isBetween(at, at + HOUR);
        clock.resume();
    }

    /** A clock that does not stay behind shows, after a suspend, that time has passed. */
    @Test
    void timeMayPassMeanwhile() throws InterruptedException {
        try (MachineClock running = new MachineClock(false)) {
            CountDownLatch fired = new CountDownLatch(1);
            running.suspend();
            long at = running.nanos();
            running.timer("due", fired::countDown).arm(at + 10_000_000);
            long until = System.nanoTime() + 30_000_000;
            while (System.nanoTime() < until) {
                Thread.onSpinWait();
            }
            assertThat(running.nanos()).isEqualTo(at);
            assertThat(fired.getCount()).isEqualTo(1);
            running.resume();
            assertThat(running.nanos()).isGreaterThanOrEqualTo(at + 30_000_000);
            assertThat(fired.await(20, TimeUnit.SECONDS)).isTrue();
            assertThat(running.wallMillis()).isBetween(System.currentTimeMillis() - 1000, System.currentTimeMillis());
        }
    }

    @Test
    void theWallClockStaysBehindToo() {
        long behind = System.currentTimeMillis() - clock.wallMillis();
        clock.suspend();
        long until = System.nanoTime() + 50_000_000;
        while (System.nanoTime() < until) {
            Thread.onSpinWait();
        }
        assertThat(System.currentTimeMillis() - clock.wallMillis()).isGreaterThanOrEqualTo(behind + 45);
        clock.resume();
        assertThat(System.currentTimeMillis() - clock.wallMillis()).isGreaterThanOrEqualTo(behind + 45);
    }

    @Test
    void handlersMayArmTheirOwnTimer() throws InterruptedException {
        CountDownLatch ticks = new CountDownLatch(5);
        DeviceClock.Timer[] timer = new DeviceClock.Timer[1];
        timer[0] = clock.timer("tick", () -> {
            ticks.countDown();
            timer[0].arm(clock.nanos() + 100_000);
        });
        timer[0].arm(0);
        assertThat(ticks.await(20, TimeUnit.SECONDS)).isTrue();
        timer[0].cancel();
    }
}
