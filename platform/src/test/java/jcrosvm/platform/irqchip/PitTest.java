package jcrosvm.platform.irqchip;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import jcrosvm.bus.Bus;
import jcrosvm.bus.testing.FakeClock;
import jcrosvm.bus.testing.FakeLine;
import org.junit.jupiter.api.Test;

class PitTest {
    private final FakeClock clock = new FakeClock();
    private final FakeLine irq = new FakeLine();
    private final Pit pit = new Pit(clock, irq);
    private final Bus ports = Bus.ports();

    PitTest() {
        pit.attach(ports);
    }

    private void load(int channel, int mode, int count) {
        out(0x43, channel << 6 | 0x30 | mode << 1);
        out(0x40 + channel, count & 0xff);
        out(0x40 + channel, count >> 8);
    }

    private void out(int port, int value) {
        ports.write(port, 1, value);
    }

    private int in(int port) {
        return (int) ports.read(port, 1);
    }

    private int count(int channel) {
        out(0x43, channel << 6);
        return in(0x40 + channel) | in(0x40 + channel) << 8;
    }

    private void toTick(long tick) {
        clock.advance(Pit.nanos(tick) - clock.nanos());
    }

    @Test
    void conversionsAgree() {
        Random random = new Random(3);
        for (int i = 0; i < 10_000; i++) {
            long t = random.nextLong(1L << (1 + random.nextInt(50)));
            assertThat(Pit.ticks(Pit.nanos(t))).isEqualTo(t);
            assertThat(Pit.ticks(Pit.nanos(t + 1) - 1)).isEqualTo(t);
        }
    }

    @Test
    void periodicInterruptsDoNotDrift() {
        load(0, 2, 11932); // 100 Hz
        clock.advance(3_600L * 1_000_000_000);
        assertThat(irq.edges()).isEqualTo((int) (3600 * Pit.FREQUENCY / 11932));
        load(0, 3, 11932);
        int before = irq.edges();
        clock.advance(10L * 1_000_000_000);
        assertThat(irq.edges() - before).isEqualTo((int) (10 * Pit.FREQUENCY / 11932));
    }

    @Test
    void oneShotInterruptsOnce() {
        load(0, 0, 1000);
        toTick(999);
        assertThat(irq.edges()).isZero();
        assertThat(count(0)).isEqualTo(1);
        toTick(1000);
        assertThat(irq.edges()).isEqualTo(1);
        clock.advanceMillis(1000);
        assertThat(irq.edges()).isEqualTo(1);
        load(0, 4, 1000);
        clock.advanceMillis(1000);
        assertThat(irq.edges()).isEqualTo(2);
        assertThat(clock.armed()).isZero();
    }

    @Test
    void countsDown() {
        load(0, 2, 100);
        toTick(30);
        assertThat(count(0)).isEqualTo(70);
        toTick(130);
        assertThat(count(0)).isEqualTo(70);
        load(1, 3, 100);
        toTick(160);
        assertThat(count(1)).isEqualTo(40);
        load(2, 0, 0);
        out(0x61, 1);
        toTick(161);
        assertThat(count(2)).isEqualTo(0xffff);
    }

    @Test
    void speakerPortShowsGateAndOutput() {
        out(0x61, 0);
        load(2, 0, 1000);
        clock.advanceMillis(10);
        assertThat(in(0x61) & 0x23).isZero();
        assertThat(count(2)).isEqualTo(1000);
        out(0x61, 3);
        clock.advanceMillis(1);
        assertThat(in(0x61) & 0x23).isEqualTo(0x23); // 1193 ticks
        load(2, 0, 1000);
        assertThat(in(0x61) & 0x20).isZero();
        long toggles = 0;
        int last = in(0x61) & 0x10;
        for (int i = 0; i < 1000; i++) {
            clock.advance(1_000);
            int now = in(0x61) & 0x10;
            toggles += now != last ? 1 : 0;
            last = now;
        }
        assertThat(toggles).isBetween(65L, 67L);
    }

    @Test
    void gateHoldsTheCount() {
        out(0x61, 1);
        load(2, 0, 1000);
        toTick(100);
        out(0x61, 0);
        clock.advanceMillis(50);
        assertThat(count(2)).isEqualTo(900);
        out(0x61, 1);
        clock.advance(Pit.nanos(100));
        assertThat(count(2)).isBetween(799, 800);
    }

    @Test
    void hardwareTriggeredOneShotWaitsForTheGate() {
        load(2, 1, 1000);
        assertThat(in(0x61) & 0x20).isEqualTo(0x20);
        out(0x61, 1);
        assertThat(in(0x61) & 0x20).isZero();
        clock.advanceMillis(1);
        assertThat(in(0x61) & 0x20).isEqualTo(0x20);
    }

    @Test
    void readsBackStatusThenCount() {
        load(0, 2, 0x1234);
        out(0x43, 0xc2); // status and count of counter 0
        clock.advanceMillis(1);
        assertThat(in(0x40)).isEqualTo(0xb4);
        assertThat(in(0x40)).isEqualTo(0x34);
        assertThat(in(0x40)).isEqualTo(0x12);
        out(0x43, 0x36);
        out(0x43, 0xe2);
        assertThat(in(0x40) & 0x40).isEqualTo(0x40); // no count yet
        assertThat(in(0x43)).isEqualTo(0xff);
    }

    @Test
    void countsInBcd() {
        out(0x43, 0x31);
        out(0x40, 0x00);
        out(0x40, 0x10);
        clock.advance(Pit.nanos(1));
        assertThat(count(0)).isEqualTo(0x0999);
    }

    @Test
    void limitsTheRateOfInterrupts() {
        load(0, 2, 2);
        clock.advanceMillis(1000);
        assertThat(irq.edges()).isBetween(4900, 5100);
    }

    @Test
    void isSilentWhileSuspended() {
        load(0, 2, 1000);
        pit.suspend();
        clock.advanceMillis(10);
        assertThat(irq.edges()).isZero();
        pit.resume();
        clock.advanceMillis(10);
        assertThat(irq.edges()).isPositive();
    }
}
