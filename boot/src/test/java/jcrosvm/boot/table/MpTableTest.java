package jcrosvm.boot.table;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.Hardware.PciInterrupt;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.memory.GuestMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MpTableTest {
    private static final int[] SIZES = {20, 8, 8, 8, 8};
    private final GuestMemory memory = GuestMemory.ofSize(1 << 20);

    @AfterEach
    void close() {
        memory.close();
    }

    private static Hardware hardware(int vcpus) {
        Hardware d = Hardware.defaults(vcpus);
        List<PciInterrupt> routes = IntStream.range(1, 9)
                .mapToObj(slot -> new PciInterrupt(slot, 0, 9 + slot % 4))
                .toList();
        return new Hardware(d.processors(), d.devices(), routes, List.of());
    }

    @Test
    void pointerLeadsToATableOfTheAnnouncedEntries() {
        assertThat(MpTable.write(memory, hardware(64))).isTrue();

        long pointer = 0xa0000 - 16;
        assertThat(memory.read(pointer, 4)).asString().isEqualTo("_MP_");
        assertThat(MpTable.checksum(memory.read(pointer, 16), 16)).isZero();
        long table = memory.getInt(pointer + 4);
        assertThat(table).isEqualTo(MemoryLayout.MP_TABLE);
        int length = memory.getShort(table + 4);
        assertThat(memory.read(table, 4)).asString().isEqualTo("PCMP");
        assertThat(MpTable.checksum(memory.read(table, length), length)).isZero();
        assertThat(memory.getByte(table + 6)).isEqualTo((byte) 4);
        int[] counts = new int[5];
        long at = table + 44;
        int entries = memory.getShort(table + 34);
        for (int i = 0; i < entries; i++) {
            int type = memory.getByte(at);
            counts[type]++;
            at += SIZES[type];
        }
        assertThat(at).isEqualTo(table + length);
        // 15 ISA interrupts without the cascade, of which PCI took four, and the eight slots.
        assertThat(counts).containsExactly(64, 2, 1, 15 - 4 + 8, 2);
    }

    @Test
    void onlyTheFirstProcessorBoots() {
        MpTable.write(memory, hardware(3));
        long at = MemoryLayout.MP_TABLE + 44;
        assertThat(memory.getByte(at + 3)).isEqualTo((byte) 3);
        assertThat(memory.getByte(at + 23)).isEqualTo((byte) 1);
        assertThat(memory.getByte(at + 21)).isEqualTo((byte) 1);
    }

    @Test
    void machineThatIsTooBigIsLeftOut() {
        assertThat(MpTable.write(memory, hardware(256))).isFalse();
        assertThat(memory.getInt(MemoryLayout.MP_TABLE)).isZero();
        assertThat(memory.getInt(0xa0000 - 16)).isZero();
    }
}
