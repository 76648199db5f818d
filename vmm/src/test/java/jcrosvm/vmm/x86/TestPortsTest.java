package jcrosvm.vmm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.bus.Bus;
import jcrosvm.vmm.board.Parts;
import org.junit.jupiter.api.Test;

class TestPortsTest {
    private final Bus ports = Bus.ports();
    private final Bus memory = Bus.memory();
    private final List<String> lines = new ArrayList<>();

    TestPortsTest() {
        TestPorts.attach(ports, memory, gsi -> level -> lines.add(gsi + "=" + level), new Parts());
    }

    @Test
    void drivesLines() {
        ports.write(0x2000 + 9, 1, 1);
        ports.write(0x2000 + 9, 1, 0);
        assertThat(lines).containsExactly("9=true", "9=false");
    }

    @Test
    void keepsBytesOfEveryWidth() {
        ports.write(0xe0, 4, 0x12345678);
        assertThat(ports.read(0xe1, 2)).isEqualTo(0x3456);
        ports.write(0xe3, 1, 0xff);
        assertThat(ports.read(0xe0, 4)).isEqualTo(0xff345678L);
        long last = 0xff00_0000L + (64 << 10) - 8;
        memory.write(last, 8, 0x8877665544332211L);
        assertThat(memory.read(last, 8)).isEqualTo(0x8877665544332211L);
        assertThat(memory.read(last + 3, 4)).isEqualTo(0x77665544L);
        memory.write(0xff00_0000L, 2, 0xabcd);
        assertThat(memory.read(0xff00_0001L, 1)).isEqualTo(0xab);
    }
}
