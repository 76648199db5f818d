package jcrosvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import jcrosvm.base.VmmException;
import jcrosvm.boot.PciConfig.Window;
import jcrosvm.memory.GuestMemory.Range;
import org.junit.jupiter.api.Test;

class MemoryLayoutTest {
    private static final long MIB = 1L << 20;
    private static final long GIB = 1L << 30;

    @Test
    void smallMemoryIsOneRange() {
        MemoryLayout layout = MemoryLayout.of(256 * MIB, PciConfig.defaults(), 40);

        assertThat(layout.ram()).containsExactly(new Range(0, 256 * MIB));
        assertThat(layout.ecam()).hasToString("0xf4000000-0xf7ffffff");
        assertThat(layout.pciMmio32()).hasToString("0xd0000000-0xf3ffffff");
        assertThat(layout.pciMmio64()).isEqualTo(new AddressWindow(4 * GIB, (1L << 40) - 4 * GIB));
    }

    @Test
    void memoryBeyondTheGapContinuesAt4GiB() {
        MemoryLayout layout = MemoryLayout.of(6 * GIB, PciConfig.defaults(), 46);

        long low = 0xd000_0000L;
        assertThat(layout.ram()).containsExactly(new Range(0, low), new Range(4 * GIB, 6 * GIB - low));
        assertThat(layout.pciMmio64().start()).isEqualTo(4 * GIB + 6 * GIB - low);
        assertThat(layout.pciMmio64().end()).isEqualTo(1L << 46);
    }

    @Test
    void lowPciWindowMovesRamUp() {
        PciConfig pci = new PciConfig(new Window(0x8000_0000L, 0x4000_0000L), null);
        MemoryLayout layout = MemoryLayout.of(3 * GIB, pci, 40);

        assertThat(layout.ram()).containsExactly(new Range(0, 2 * GIB), new Range(4 * GIB, GIB));
        assertThat(layout.pciMmio32()).isEqualTo(new AddressWindow(0x8000_0000L, 0x4000_0000L));
    }

    @Test
    void windowAfterALowEcamStartsBehindIt() {
        MemoryLayout layout = MemoryLayout.of(GIB, new PciConfig(null, new Window(0xc000_0000L, 256 * MIB)), 40);

        assertThat(layout.pciMmio32()).isEqualTo(new AddressWindow(0xd000_0000L, 0x2800_0000L));
    }

    @Test
    void ofTheMemoryWindowWholeMibAreUsed() {
        PciConfig pci = new PciConfig(new Window(0xd000_1234L, 4 * MIB), null);
        assertThat(MemoryLayout.of(GIB, pci, 40).pciMmio32()).isEqualTo(new AddressWindow(0xd010_0000L, 3 * MIB));
    }

    @Test
    void badWindowsAreRefused() {
        for (PciConfig bad : List.of(
                new PciConfig(new Window(0x123L, null), null),
                new PciConfig(new Window(0xd000_0000L, 0x1234L), null),
                new PciConfig(new Window(0xd000_1000L, MIB), null),
                new PciConfig(null, new Window(0xf400_0123L, null)),
                new PciConfig(new Window(0xd000_0000L, 0L), null),
                new PciConfig(new Window(0xd000_0000L, -MIB), null),
                new PciConfig(new Window(8 * GIB, null), null),
                new PciConfig(new Window(-MIB, 2 * MIB), null),
                new PciConfig(null, new Window(0xf400_0000L, 512 * MIB)),
                new PciConfig(null, new Window(0xf410_0000L, 64 * MIB)),
                new PciConfig(new Window(0xf000_0000L, 0x0800_0000L), null),
                new PciConfig(new Window(0xfe00_0000L, MIB), null))) {
            assertThatThrownBy(() -> MemoryLayout.of(GIB, bad, 40))
                    .as("%s", bad)
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("pci");
        }
    }

    @Test
    void memoryBeyondTheAddressWidthIsRefused() {
        assertThatThrownBy(() -> MemoryLayout.of(64 * GIB, PciConfig.defaults(), 36))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("36 bits");
        assertThatThrownBy(() -> MemoryLayout.of(MIB, PciConfig.defaults(), 36)).isInstanceOf(VmmException.class);
    }

    @Test
    void rangesNeverOverlap() {
        Random random = new Random(1);
        for (int i = 0; i < 2000; i++) {
            Window mem = random.nextBoolean() ? null : new Window(random.nextLong(4096) * MIB, randomSize(random));
            Window ecam = random.nextBoolean() ? null : new Window(random.nextLong(4096) * MIB, randomSize(random));
            MemoryLayout layout;
            try {
                layout = MemoryLayout.of((2 + random.nextLong(8192)) * MIB, new PciConfig(mem, ecam), 39);
            } catch (VmmException e) {
                continue;
            }
            long end = 0;
            for (E820Entry entry : layout.e820()) {
                assertThat(entry.address()).isGreaterThanOrEqualTo(end);
                assertThat(entry.size()).isPositive();
                end = entry.address() + entry.size();
            }
            for (Range range : layout.ram()) {
                AddressWindow ram = new AddressWindow(range.address(), range.size());
                for (AddressWindow window : List.of(layout.ecam(), layout.pciMmio32(), layout.pciMmio64())) {
                    assertThat(ram.overlaps(window)).isFalse();
                }
            }
            assertThat(layout.pciMmio32().size()).isPositive();
        }
    }

    private static Long randomSize(Random random) {
        return random.nextBoolean() ? null : (1L << random.nextInt(9)) * MIB;
    }
}
