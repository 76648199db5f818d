package jcrosvm.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import jcrosvm.bus.Bus;
import jcrosvm.bus.pci.PciBus;
import jcrosvm.bus.pci.PciWindows;
import org.junit.jupiter.api.Test;

class SmallDevicesTest {
    private final FakePower power = new FakePower();
    private final Bus ports = Bus.ports();
    private final Bus memory = Bus.memory();

    @Test
    void keyboardControllerResets() {
        new I8042(power).attach(ports, true);
        ports.write(0x64, 1, 0xd1);
        ports.write(0x60, 1, 0xfe);
        assertThat(power.asked).isEmpty();
        assertThat(ports.read(0x64, 1)).isZero();
        assertThat(ports.read(0x61, 1)).isEqualTo(0x20);
        ports.write(0x64, 1, 0xfe);
        assertThat(power.asked).containsExactly("reset");
    }

    @Test
    void pvpanicReportsThroughItsBar() {
        PciWindows windows = new PciWindows(
                new PciWindows.Window(0xd000, 0x1000),
                new PciWindows.Window(0xd0000000L, 0x10000),
                new PciWindows.Window(0, 0));
        PciBus pci = new PciBus(memory, ports, windows, List.of(9), gsi -> level -> {});
        pci.add(new PvPanic(power), null);
        pci.allocate();
        assertThat(pci.read(0, 8, 0, 4)).isEqualTo(0x00111b36);
        assertThat(pci.read(0, 8, 0x10, 4)).isEqualTo(0xd0000000L);
        assertThat(pci.read(0, 8, 4, 1)).isEqualTo(2);
        assertThat(memory.read(0xd0000000L, 1)).isEqualTo(3);
        memory.write(0xd0000000L, 1, 2);
        assertThat(power.asked).isEmpty();
        memory.write(0xd0000000L, 1, 1);
        assertThat(power.asked).containsExactly("panic");
    }
}
