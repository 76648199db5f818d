package jcrosvm.bus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Random;
import jcrosvm.base.VmmException;
import jcrosvm.bus.testing.Allocation;
import jcrosvm.bus.testing.FakeLine;
import jcrosvm.bus.testing.Ram;
import org.junit.jupiter.api.Test;

class BusTest {
    @Test
    void unclaimedReadsAreAllOnesAndWritesAreDropped() {
        Bus bus = Bus.ports();
        assertThat(bus.read(0x80, 1)).isEqualTo(0xff);
        assertThat(bus.read(0x80, 2)).isEqualTo(0xffff);
        assertThat(bus.read(0x80, 4)).isEqualTo(0xffffffffL);
        assertThat(bus.read(0x80, 8)).isEqualTo(-1);
        bus.write(0xffff, 8, 1);
        assertThat(Bus.memory().read(-4, 8)).isEqualTo(-1);
        assertThat(Bus.memory().read(Long.MAX_VALUE - 3, 8)).isEqualTo(-1);
    }

    @Test
    void refusesOverlapsAndWhatDoesNotFit() {
        Bus bus = Bus.ports();
        bus.insert(new Ram(8), 0x3f8, 8);
        assertThatThrownBy(() -> bus.insert(new Ram(2), 0x3ff, 2))
                .isInstanceOf(VmmException.class)
                .hasMessage("ram at 0x3ff-0x400 overlaps ram at 0x3f8-0x3ff on the port bus");
        assertThatThrownBy(() -> bus.insert(new Ram(2), 0xffff, 2)).hasMessageContaining("does not fit the port bus");
        assertThatThrownBy(() -> bus.insert(new Ram(2), 0, 0)).isInstanceOf(VmmException.class);
        assertThatThrownBy(() -> bus.insert(new Ram(2), -1, 1)).isInstanceOf(VmmException.class);
        bus.insert(new Ram(8), 0x400, 8);
        bus.insert(new Ram(1), 0x3f7, 1);
        assertThat(bus.remove(0x3f8, 4)).isFalse();
        assertThat(bus.remove(0x3f8, 8)).isTrue();
        assertThat(bus.tryInsert(new Ram(16), 0x3f8, 16)).isFalse();
        assertThat(bus.tryInsert(new Ram(8), 0x3f8, 8)).isTrue();
    }

    @Test
    void takesAccessesApartThatCrossTheEndOfARange() {
        Bus bus = Bus.memory();
        bus.insert(new Ram(4), 0x1000, 4);
        bus.insert(new Ram(4), 0x1006, 4);
        bus.write(0x1002, 8, 0x8877665544332211L);
        assertThat(bus.read(0x1002, 2)).isEqualTo(0x2211);
        assertThat(bus.read(0x1006, 4)).isEqualTo(0x88776655L);
        assertThat(bus.read(0x1002, 8)).isEqualTo(0x88776655ffff2211L);
        assertThat(bus.read(0x0ffe, 4)).isEqualTo(0x0000ffffL);
    }

    @Test
    void agreesWithAnArrayOfBytes() {
        Random random = new Random(1);
        Bus bus = new Bus("test", 256);
        int[] model = new int[256 + 8];
        Arrays.fill(model, -1);
        for (int at = 0; at < 250; ) {
            int size = 1 + random.nextInt(Math.min(20, 250 - at));
            if (random.nextBoolean()) {
                bus.insert(new Ram(size), at, size);
                Arrays.fill(model, at, at + size, 0);
            }
            at += size;
        }
        for (int i = 0; i < 20_000; i++) {
            int at = random.nextInt(256);
            int size = 1 << random.nextInt(4);
            if (random.nextBoolean()) {
                long value = random.nextLong();
                bus.write(at, size, value);
                for (int n = 0; n < size; n++) {
                    model[at + n] = model[at + n] < 0 ? -1 : (int) (value >>> (8 * n)) & 0xff;
                }
            } else {
                long expected = 0;
                for (int n = 0; n < size; n++) {
                    expected |= (model[at + n] & 0xffL) << (8 * n);
                }
                assertThat(bus.read(at, size)).isEqualTo(expected);
            }
        }
    }

    @Test
    void lookUpAllocatesNothing() {
        Bus bus = Bus.ports();
        for (int i = 0; i < 40; i++) {
            bus.insert(new Ram(8), i * 16, 8);
        }
        long[] sum = new long[1];
        long least = Allocation.leastOf(5, () -> {
            for (int i = 0; i < 10_000; i++) {
                bus.write(i % 640, 1 << (i & 3), i);
                sum[0] += bus.read(i % 640, 4);
            }
        });
        assertThat(sum[0]).isNotZero();
        assertThat(least).isLessThan(10_000);
    }

    @Test
    void sharedLineIsUpWhileAnySourceIs() {
        FakeLine line = new FakeLine();
        SharedIrqLine shared = new SharedIrqLine(line);
        IrqLine a = shared.source();
        IrqLine b = shared.source();
        a.set(true);
        b.set(true);
        b.set(true);
        a.set(false);
        assertThat(line.isUp()).isTrue();
        b.set(false);
        assertThat(line.isUp()).isFalse();
        assertThat(line.edges()).isEqualTo(1);
    }
}
