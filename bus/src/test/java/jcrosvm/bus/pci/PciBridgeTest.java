package jcrosvm.bus.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import jcrosvm.base.PciAddress;
import jcrosvm.bus.Bus;
import jcrosvm.bus.testing.FakeLine;
import org.junit.jupiter.api.Test;

/** Functions on buses other than 0, as a guest finds and uses them. */
class PciBridgeTest {
    private static final long ECAM = 0xf400_0000L;
    private static final PciWindows WINDOWS = new PciWindows(
            new PciWindows.Window(0xd000, 0x3000),
            new PciWindows.Window(0xd000_0000L, 0x2000_0000L),
            new PciWindows.Window(1L << 40, 1L << 38));
    private static final int LAST_DEVICE = 31;
    private static final int COMMAND = 4;

    private final Bus memory = Bus.memory();
    private final Bus ports = Bus.ports();
    private final Map<Integer, FakeLine> lines = new HashMap<>();
    private final PciBus pci = new PciBus(
            memory, ports, WINDOWS, List.of(9, 10, 11, 12), gsi -> lines.computeIfAbsent(gsi, g -> new FakeLine()));
    private final TestFunction near = new TestFunction();
    private final TestFunction far = new TestFunction();

    PciBridgeTest() {
        new PciConfigPorts(pci, () -> {}, true).attach(ports);
        memory.insert(new PciEcam(pci), ECAM, 1 << 26);
        pci.add(near, null);
        pci.add(far, new PciAddress(5, 2, 0));
        pci.allocate();
    }

    private long ecam(int bus, int device, int offset, int size) {
        return memory.read(ECAM + ((long) bus << 20 | device << 15 | offset), size);
    }

    private void write(int bus, int device, int offset, int size, long value) {
        memory.write(ECAM + ((long) bus << 20 | device << 15 | offset), size, value);
    }

    private long port(int bus, int device, int offset) {
        ports.write(0xcf8, 4, 0x80000000L | (long) bus << 16 | device << 11 | offset);
        return ports.read(0xcfc, 4);
    }

    @Test
    void lastDeviceOfBus0LeadsThere() {
        assertThat(ecam(0, LAST_DEVICE, 0, 4)).isEqualTo(0x00011b36L);
        assertThat(ecam(0, LAST_DEVICE, 0x0a, 2)).as("PCI-to-PCI bridge").isEqualTo(0x0604);
        assertThat(ecam(0, LAST_DEVICE, 0x0e, 1)).as("header type").isEqualTo(1);
        assertThat(ecam(0, LAST_DEVICE, 0x18, 4)).as("bus numbers").isEqualTo(0x00050500L);
        assertThat(ecam(0, LAST_DEVICE, COMMAND, 2)).isEqualTo(7);
        assertThat(ecam(0, LAST_DEVICE, 0x34, 1)).as("no capabilities").isZero();
        assertThat(ecam(0, LAST_DEVICE, 0x3d, 1)).as("no pin of its own").isZero();
        assertThat(ecam(5, 2, 0, 4)).isEqualTo(0x10411af4L);
        assertThat(port(5, 2, 0)).isEqualTo(0x10411af4L);
        assertThat(ecam(5, 1, 0, 4)).isEqualTo(0xffffffffL);
        assertThat(ecam(4, 2, 0, 4)).isEqualTo(0xffffffffL);
        assertThat(port(6, 2, 0)).isEqualTo(0xffffffffL);
        assertThat(ecam(0, 2, 0, 4)).as("bus 0 is as without it").isEqualTo(0xffffffffL);
        assertThat(pci.functions())
                .extracting(place -> place.address().toString())
                .containsExactly("0000:00:00.0", "0000:00:01.0", "0000:00:1f.0", "0000:05:02.0");
    }

    @Test
    void windowsHoldTheBarsBehindIt() {
        assertThat(ecam(0, LAST_DEVICE, 0x1c, 2)).as("I/O").isEqualTo(0xd0d0);
        assertThat(ecam(0, LAST_DEVICE, 0x20, 4)).as("memory").isEqualTo(0xd000d000L);
        assertThat(ecam(0, LAST_DEVICE, 0x24, 4)).as("prefetchable").isEqualTo(0x00010001L);
        assertThat(ecam(0, LAST_DEVICE, 0x28, 8)).as("prefetchable, high").isEqualTo(0x0000010000000100L);
        assertThat(far.events).containsExactly("map 0 0xd000", "map 1 0xd0000000", "map 2 0x10000000000");
        assertThat(near.events).containsExactly("map 0 0xe000", "map 1 0xd0100000", "map 2 0x10000100000");
        memory.write(0xd0000010L, 4, 0x1234);
        assertThat(far.low.read(0x10, 4)).isEqualTo(0x1234);
        ports.write(0xd004, 2, 0xabcd);
        assertThat(far.io.read(4, 2)).isEqualTo(0xabcd);
    }

    @Test
    void forwardsWhatTheGuestSaysOnly() {
        far.events.clear();
        write(0, LAST_DEVICE, COMMAND, 2, 5); // I/O alone
        assertThat(far.events).containsExactly("unmap 1", "unmap 2");
        write(0, LAST_DEVICE, COMMAND, 2, 7);
        far.events.clear();
        write(0, LAST_DEVICE, 0x20, 4, 0xe000e000L);
        assertThat(far.events).containsExactly("unmap 1");
        write(5, 2, 0x14, 4, 0xe0000000L);
        assertThat(far.events).containsExactly("unmap 1", "map 1 0xe0000000");
        write(0, LAST_DEVICE, 0x28, 8, 0x0000020000000200L);
        write(5, 2, 0x1c, 4, 0x200);
        assertThat(far.events).endsWith("unmap 2", "map 2 0x20000000000");
        write(0, LAST_DEVICE, 0x1c, 2, 0x00f0); // closed
        assertThat(far.events).endsWith("unmap 0");
        near.events.clear();
        write(0, LAST_DEVICE, 0x20, 4, 0x0000fff0L);
        assertThat(near.events).as("on bus 0").isEmpty();
    }

    @Test
    void busNumbersAreTheGuests() {
        write(0, LAST_DEVICE, 0x18, 4, 0x00030300L);
        assertThat(ecam(3, 2, 0, 4)).isEqualTo(0x10411af4L);
        assertThat(ecam(5, 2, 0, 4)).isEqualTo(0xffffffffL);
        write(0, LAST_DEVICE, 0x18, 4, 0x00020300L);
        assertThat(ecam(3, 2, 0, 4)).as("subordinate below secondary").isEqualTo(0xffffffffL);
        write(0, LAST_DEVICE, 0x18, 4, 0);
        assertThat(ecam(0, 2, 0, 4)).as("bus 0 is the host bridge's").isEqualTo(0xffffffffL);
        assertThat(ecam(0, 0, 0, 4)).isEqualTo(0x12378086L);
    }

    /** INTA of device 2 is INTC of the bridge, device 31. */
    @Test
    void pinsAreSwizzled() {
        assertThat(pci.intxRoutes()).containsExactly(new PciIntxRoute(1, 0, 10), new PciIntxRoute(LAST_DEVICE, 2, 10));
        assertThat(ecam(5, 2, 0x3c, 2)).isEqualTo(0x010a);
        far.intx.set(true);
        assertThat(lines.get(10).isUp()).isTrue();
        near.intx.set(true);
        far.intx.set(false);
        assertThat(lines.get(10).isUp()).as("shared").isTrue();
        near.intx.set(false);
        assertThat(lines.get(10).isUp()).isFalse();
    }

    @Test
    void readsBackWhatABridgeHas() {
        for (int offset = 0; offset < 0x40; offset += 4) {
            write(0, LAST_DEVICE, offset, 4, 0xffffffffL);
        }
        long[] expected = {
            0x00011b36L,
            0x00000547L,
            0x06040000L,
            0x0001ffffL,
            0,
            0,
            0xffffffffL,
            0x0000f0f0L,
            0xfff0fff0L,
            0xfff1fff1L,
            0xffffffffL,
            0xffffffffL,
            0,
            0,
            0,
            0x002300ffL
        };
        for (int i = 0; i < expected.length; i++) {
            assertThat(ecam(0, LAST_DEVICE, 4 * i, 4))
                    .as("register 0x%x", 4 * i)
                    .isEqualTo(expected[i]);
        }
    }

    @Test
    void everyBusHasItsBridge() {
        PciBus other = new PciBus(Bus.memory(), Bus.ports(), WINDOWS, List.of(9), gsi -> level -> {});
        other.add(new TestFunction(), new PciAddress(1, 0, 0));
        other.add(new TestFunction(), new PciAddress(1, 0, 1));
        other.add(new TestFunction(), new PciAddress(255, 31, 0));
        other.add(new TestFunction(), null);
        assertThatThrownBy(() -> other.add(new TestFunction(), new PciAddress(1, 0, 1)))
                .hasMessage("PCI address 0000:01:00.1 of test is taken by test");
        other.allocate();
        assertThat(other.functions())
                .extracting(place -> place.address().toString())
                .containsExactly(
                        "0000:00:00.0",
                        "0000:00:01.0",
                        "0000:00:1e.0",
                        "0000:00:1f.0",
                        "0000:01:00.0",
                        "0000:01:00.1",
                        "0000:ff:1f.0");
        assertThat(other.read(0, 0x1e << 3, 0x19, 1)).isEqualTo(255);
        assertThat(other.read(1, 0, 0x0e, 1)).as("multi-function").isEqualTo(0x80);
        PciBus full = new PciBus(Bus.memory(), Bus.ports(), WINDOWS, List.of(9), gsi -> level -> {});
        for (int bus = 1; bus <= 31; bus++) {
            full.add(new TestFunction(), new PciAddress(bus, 0, 0));
        }
        assertThatThrownBy(() -> full.add(new TestFunction(), new PciAddress(32, 0, 0)))
                .hasMessageContaining("no PCI device number left for a bridge to bus 32");
        assertThatThrownBy(full::allocate).hasMessageContaining("no room for the window of the bridge to bus");
    }

    /** Whatever a guest writes, ranges never overlap, nothing is lost, and the devices answer where they should. */
    @Test
    void survivesNoise() {
        Random random = new Random(7);
        for (int i = 0; i < 200_000; i++) {
            int bus = random.nextInt(3) == 0 ? random.nextInt(64) : random.nextBoolean() ? 0 : 5;
            int device = random.nextInt(4) == 0 ? random.nextInt(32) : random.nextBoolean() ? LAST_DEVICE : 2;
            int size = 1 << random.nextInt(4);
            int offset = random.nextInt(0x40);
            if (random.nextInt(3) == 0) {
                ecam(bus, device, offset, size);
            } else {
                write(bus, device, offset, size, random.nextLong());
            }
        }
        List<Bus.Range> ranges = memory.ranges();
        for (int i = 1; i < ranges.size(); i++) {
            assertThat(ranges.get(i - 1).base() + ranges.get(i - 1).size())
                    .isLessThanOrEqualTo(ranges.get(i).base());
        }
        write(0, LAST_DEVICE, 0x18, 4, 0x00050500L);
        write(0, LAST_DEVICE, COMMAND, 2, 7);
        write(0, LAST_DEVICE, 0x20, 4, 0xe000e000L);
        write(5, 2, 0x14, 4, 0xe0000000L);
        write(5, 2, COMMAND, 2, 2);
        far.low.write(0, 4, 0x77);
        assertThat(memory.read(0xe0000000L, 4)).isEqualTo(0x77);
    }
}
