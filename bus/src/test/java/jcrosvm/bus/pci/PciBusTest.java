package jcrosvm.bus.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import jcrosvm.base.PciAddress;
import jcrosvm.base.VmmException;
import jcrosvm.bus.Bus;
import jcrosvm.bus.testing.FakeLine;
import jcrosvm.bus.testing.Ram;
import org.junit.jupiter.api.Test;

class PciBusTest {
    private static final PciWindows WINDOWS = new PciWindows(
            new PciWindows.Window(0xc100, 0x3f00),
            new PciWindows.Window(0xd000_0000L, 0x2000_0000L),
            new PciWindows.Window(0x1_0000_0000L << 8, 1L << 38));

    private final Bus memory = Bus.memory();
    private final Bus ports = Bus.ports();
    private final Map<Integer, FakeLine> lines = new HashMap<>();
    private final AtomicInteger resets = new AtomicInteger();
    private final PciBus pci = new PciBus(
            memory, ports, WINDOWS, List.of(9, 10, 11, 12), gsi -> lines.computeIfAbsent(gsi, g -> new FakeLine()));

    PciBusTest() {
        new PciConfigPorts(pci, resets::incrementAndGet, true).attach(ports);
        memory.insert(new PciEcam(pci), 0xf400_0000L, 1 << 26);
    }

    private void select(int device, int offset) {
        ports.write(0xcf8, 4, 0x80000000L | (long) device << 11 | offset & 0xfc);
    }

    private long in(int device, int offset, int size) {
        select(device, offset);
        return ports.read(0xcfc + (offset & 3), size);
    }

    private void out(int device, int offset, int size, long value) {
        select(device, offset);
        ports.write(0xcfc + (offset & 3), size, value);
    }

    @Test
    void linuxProbesOfMechanismOneSucceed() {
        ports.write(0xcfb, 1, 1);
        long saved = ports.read(0xcf8, 4);
        ports.write(0xcf8, 4, 0x80000000L);
        assertThat(ports.read(0xcf8, 4)).isEqualTo(0x80000000L);
        assertThat(in(0, 0, 4)).isEqualTo(0x12378086);
        assertThat(in(0, 0x0a, 2)).isEqualTo(0x0600);
        ports.write(0xcf8, 4, saved);
        assertThat(ports.read(0xcfc, 4)).isEqualTo(0xffffffffL);
        assertThat(resets).hasValue(0);
    }

    @Test
    void missingFunctionsReadAllOnes() {
        assertThat(in(5, 0, 4)).isEqualTo(0xffffffffL);
        assertThat(in(5, 0, 2)).isEqualTo(0xffff);
        out(5, 4, 2, 7);
        ports.write(0xcf8, 4, 0x80010000L); // bus 1
        assertThat(ports.read(0xcfc, 4)).isEqualTo(0xffffffffL);
        assertThat(memory.read(0xf400_0000L + (1 << 20), 4)).isEqualTo(0xffffffffL);
    }

    @Test
    void resetsOnBit2() {
        ports.write(0xcf9, 1, 2);
        assertThat(resets).hasValue(0);
        assertThat(ports.read(0xcf9, 1)).isEqualTo(2);
        ports.write(0xcf9, 1, 6);
        assertThat(resets).hasValue(1);
    }

    @Test
    void allocatesAndMapsBars() {
        TestFunction f = new TestFunction();
        pci.add(f, null);
        pci.allocate();
        assertThat(in(1, 0x10, 4)).isEqualTo(0xc101);
        assertThat(in(1, 0x14, 4)).isEqualTo(0xd0000000L);
        assertThat(in(1, 0x18, 4)).isEqualTo(0x0000000cL);
        assertThat(in(1, 0x1c, 4)).isEqualTo(0x100);
        assertThat(in(1, 0x04, 2)).isEqualTo(3);
        assertThat(f.events).containsExactly("map 0 0xc100", "map 1 0xd0000000", "map 2 0x10000000000");
        memory.write(0xd0000010L, 4, 0x1234);
        assertThat(f.low.read(0x10, 4)).isEqualTo(0x1234);
        ports.write(0xc104, 2, 0xabcd);
        assertThat(f.io.read(4, 2)).isEqualTo(0xabcd);
    }

    @Test
    void answersTheSizingProtocol() {
        pci.add(new TestFunction(), null);
        pci.allocate();
        out(1, 4, 2, 0);
        out(1, 0x10, 4, 0xffffffffL);
        assertThat(in(1, 0x10, 4)).isEqualTo(0xffe1);
        out(1, 0x14, 4, 0xffffffffL);
        assertThat(in(1, 0x14, 4)).isEqualTo(0xfffff000L);
        out(1, 0x18, 4, 0xffffffffL);
        out(1, 0x1c, 4, 0xffffffffL);
        assertThat(in(1, 0x18, 4)).isEqualTo(0xffffc00cL);
        assertThat(in(1, 0x1c, 4)).isEqualTo(0xffffffffL);
        out(1, 0x20, 4, 0xffffffffL);
        assertThat(in(1, 0x20, 4)).isZero();
    }

    @Test
    void followsBarsThatTheGuestMoves() {
        TestFunction f = new TestFunction();
        pci.add(f, null);
        pci.allocate();
        f.events.clear();
        out(1, 0x14, 4, 0xe0000000L);
        f.low.write(0, 4, 0x55);
        assertThat(memory.read(0xe0000000L, 4)).isEqualTo(0x55);
        assertThat(memory.read(0xd0000000L, 4)).isEqualTo(0xffffffffL);
        out(1, 4, 2, 1);
        assertThat(memory.read(0xe0000000L, 4)).isEqualTo(0xffffffffL);
        assertThat(f.events).containsExactly("unmap 1", "map 1 0xe0000000", "unmap 1", "unmap 2");
    }

    @Test
    void overlappingBarsWaitForTheirPlace() {
        TestFunction a = new TestFunction();
        TestFunction b = new TestFunction();
        pci.add(a, null);
        pci.add(b, null);
        pci.allocate();
        long placeOfA = in(1, 0x14, 4);
        a.low.write(0, 1, 0xaa);
        b.low.write(0, 1, 0xbb);
        out(2, 0x14, 4, placeOfA);
        assertThat(memory.read(placeOfA, 1)).isEqualTo(0xaa);
        out(1, 0x14, 4, 0xe0000000L);
        assertThat(memory.read(placeOfA, 1)).isEqualTo(0xbb);
        assertThat(memory.read(0xe0000000L, 1)).isEqualTo(0xaa);
        out(1, 0x14, 4, 0xf4000000L); // on top of the ECAM window
        assertThat(memory.read(0xf4000000L, 4)).isEqualTo(0x12378086);
    }

    @Test
    void routesPinsAndHonoursTheGate() {
        TestFunction a = new TestFunction();
        TestFunction b = new TestFunction();
        pci.add(a, new PciAddress(0, 3, 0));
        pci.add(b, new PciAddress(0, 3, 1));
        pci.allocate();
        assertThat(in(3, 0x3c, 2)).isEqualTo(0x010c);
        assertThat(in(3, 0x0e, 1)).isEqualTo(0x80);
        assertThat(pci.intxRoutes()).containsExactly(new PciIntxRoute(3, 0, 12), new PciIntxRoute(3, 1, 9));
        a.intx.set(true);
        assertThat(lines.get(12).isUp()).isTrue();
        assertThat(in(3, 6, 2) & 8).isEqualTo(8);
        out(3, 4, 2, 0x400);
        assertThat(lines.get(12).isUp()).isFalse();
        assertThat(in(3, 6, 2) & 8).isEqualTo(8);
        out(3, 4, 2, 0);
        assertThat(lines.get(12).isUp()).isTrue();
        a.intx.set(false);
        assertThat(lines.get(12).isUp()).isFalse();
        assertThat(in(3, 6, 2) & 8).isZero();
    }

    @Test
    void refusesImpossiblePlaces() {
        pci.add(new TestFunction(), new PciAddress(0, 4, 0));
        assertThatThrownBy(() -> pci.add(new TestFunction(), new PciAddress(0, 4, 0)))
                .isInstanceOf(VmmException.class)
                .hasMessage("PCI address 0000:00:04.0 of test is taken by test");
        assertThatThrownBy(() -> pci.add(new TestFunction(), new PciAddress(256, 0, 0)))
                .isInstanceOf(VmmException.class);
        assertThatThrownBy(() -> pci.add(new TestFunction(), new PciAddress(0, 32, 0)))
                .isInstanceOf(VmmException.class);
        for (int i = 0; i < 30; i++) {
            pci.add(new TestFunction(), null);
        }
        assertThatThrownBy(() -> pci.add(new TestFunction(), null)).hasMessageContaining("no PCI device number left");
        PciBus other = new PciBus(memory, ports, WINDOWS, List.of(9), gsi -> level -> {});
        other.add(new TestFunction(), new PciAddress(0, 4, 1));
        assertThatThrownBy(other::allocate).hasMessageContaining("no function 0");
    }

    @Test
    void saysWhenAWindowIsFull() {
        PciWindows small = new PciWindows(
                new PciWindows.Window(0xc100, 0x3f00),
                new PciWindows.Window(0xd000_0000L, 0x1000),
                new PciWindows.Window(0, 0));
        PciBus other = new PciBus(memory, ports, small, List.of(9), gsi -> level -> {});
        other.add(new TestFunction(), null);
        assertThatThrownBy(other::allocate)
                .hasMessage("no room for BAR 2 of test (0x4000 bytes) in the PCI memory window");
    }

    @Test
    void listsCapabilities() {
        PciConfigSpace config = new TestFunction().config();
        int first = config.addCapability(9, new byte[] {5, 1, 2});
        int second = config.addCapability(0x11, new byte[10]);
        config.allow(second + 2, 2, 0xc000);
        assertThat(config.read(PciConfigSpace.CAPABILITY_POINTER, 1)).isEqualTo(first);
        assertThat(config.read(first, 4)).isEqualTo(0x01050009L | (long) second << 8);
        assertThat(second).isEqualTo(0x48);
        config.write(second, 4, 0xffffffffL);
        assertThat(config.read(second, 4)).isEqualTo(0xc0000011L);
        assertThat(config.read(PciConfigSpace.STATUS, 2)).isEqualTo(0x10);
        int x = config.addExtendedCapability(3, 1, new byte[8]);
        int y = config.addExtendedCapability(0xb, 1, new byte[8]);
        assertThat(config.read(x, 4)).isEqualTo(0x00010003L | (long) y << 20);
    }

    @Test
    void publishesItsEcam() {
        pci.publishEcam(0xf4000000L, 1 << 26);
        assertThat(in(0, 0x60, 4)).isEqualTo(0xf4000005L);
    }

    @Test
    void survivesTwoHostileProcessors() throws InterruptedException {
        for (int i = 0; i < 6; i++) {
            pci.add(new TestFunction(), null);
        }
        memory.insert(new Ram(4096), 0xfec00000L, 4096);
        pci.allocate();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread[] threads = new Thread[2];
        for (int t = 0; t < threads.length; t++) {
            Random random = new Random(42 + t);
            threads[t] = new Thread(() -> hammer(random));
            threads[t].setUncaughtExceptionHandler((thread, e) -> failure.set(e));
            threads[t].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(failure.get()).isNull();
        List<Bus.Range> ranges = memory.ranges();
        for (int i = 1; i < ranges.size(); i++) {
            assertThat(ranges.get(i - 1).base() + ranges.get(i - 1).size())
                    .isLessThanOrEqualTo(ranges.get(i).base());
        }
        assertThat(ranges).hasSizeLessThanOrEqualTo(2 + 6 * 2);
        // Whatever happened, a well-behaved driver gets everything back.
        for (int device = 1; device <= 6; device++) {
            out(device, 4, 2, 0);
        }
        for (int device = 1; device <= 6; device++) {
            out(device, 0x10, 4, 0xd000 + 0x100 * device);
            out(device, 0x14, 4, 0xe0000000L + 0x1000 * device);
            out(device, 0x18, 4, 0xe8000000L + 0x4000 * device);
            out(device, 0x1c, 4, 0);
            out(device, 4, 2, 3);
        }
        assertThat(memory.ranges()).hasSize(2 + 12);
        assertThat(ports.ranges()).hasSize(1 + 6);
    }

    private void hammer(Random random) {
        for (int i = 0; i < 100_000; i++) {
            int size = 1 << random.nextInt(4);
            int offset = random.nextInt(3) == 0 ? random.nextInt(0x1000) : random.nextInt(0x40);
            long place = 0xf400_0000L + (random.nextInt(9) << 15) + offset;
            switch (random.nextInt(6)) {
                case 0 -> memory.read(place, size);
                case 1 -> memory.write(place, size, random.nextLong());
                case 2 -> memory.write(place & ~3L, 4, 0xd0000000L + random.nextInt(16) * 0x1000);
                case 3 -> ports.write(0xcf8, 4, 0x80000000L | random.nextInt(1 << 14));
                case 4 -> ports.write(0xcf8 + random.nextInt(8), 1 << random.nextInt(3), random.nextInt());
                default -> ports.read(0xcf8 + random.nextInt(8), 1 << random.nextInt(3));
            }
            if (random.nextInt(4) == 0) {
                memory.write(0xf400_0004L + (random.nextInt(9) << 15), 2, random.nextInt(4));
            }
            memory.read(0xd0000000L + random.nextInt(0x10000), size);
        }
    }
}
