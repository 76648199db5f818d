package jcrosvm.boot.table;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.Hardware.PciInterrupt;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.memory.GuestMemory;

/** The MP configuration table (Intel MultiProcessor Specification 1.4, chapter 4). */
public final class MpTable {
    private static final int FLOATING_SIZE = 16;
    private static final long FLOATING = MemoryLayout.LOW_RAM_END - FLOATING_SIZE;
    private static final int ROOM = (int) (FLOATING - MemoryLayout.MP_TABLE);
    private static final int HEADER_SIZE = 44;
    private static final int SPECIFICATION = 4;

    private static final int PROCESSOR = 0;
    private static final int BUS = 1;
    private static final int IO_APIC = 2;
    private static final int IO_INTERRUPT = 3;
    private static final int LOCAL_INTERRUPT = 4;

    private static final int ENABLED = 1;
    private static final int BOOT_PROCESSOR = 2;
    private static final int APIC_VERSION = 0x14;
    private static final int IO_APIC_VERSION = 0x11;
    private static final int CPU_STEPPING = 0x600;
    private static final int FEATURES_APIC_FPU = 0x201;

    private static final int PCI_BUS = 0;
    private static final int ISA_BUS = 1;
    private static final int ISA_INTERRUPTS = 16;
    private static final int CASCADE = 2;

    private static final int INT = 0;
    private static final int NMI = 1;
    private static final int EXT_INT = 3;
    private static final int CONFORMING = 0;
    private static final int LEVEL_ACTIVE_LOW = 0xf;
    private static final int ALL = 0xff;

    private final Hardware hardware;
    private final ByteBuffer out = ByteBuffer.allocate(64 << 10).order(ByteOrder.LITTLE_ENDIAN);
    private int entries;

    private MpTable(Hardware hardware) {
        this.hardware = hardware;
    }

    /**
     * Writes the table at {@link MemoryLayout#MP_TABLE} and the pointer to it below 640 KiB.
     *
     * @return false, with nothing written, if the machine is too big to be described: an APIC id above 254 or more
     *     entries than there is room for
     */
    public static boolean write(GuestMemory memory, Hardware hardware) {
        if (hardware.processors().stream().anyMatch(id -> id >= ALL)) {
            return false;
        }
        byte[] table = new MpTable(hardware).build();
        if (table.length > ROOM) {
            return false;
        }
        memory.write(MemoryLayout.MP_TABLE, table);
        memory.write(FLOATING, floating());
        return true;
    }

    private static byte[] floating() {
        byte[] bytes = ByteBuffer.allocate(FLOATING_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put("_MP_".getBytes(StandardCharsets.US_ASCII))
                .putInt((int) MemoryLayout.MP_TABLE)
                .put((byte) (FLOATING_SIZE / 16))
                .put((byte) SPECIFICATION)
                .array();
        bytes[10] = checksum(bytes, bytes.length);
        return bytes;
    }

    private byte[] build() {
        out.position(HEADER_SIZE);
        for (int id : hardware.processors()) {
            boolean first = entries == 0;
            entry(PROCESSOR)
                    .put((byte) id)
                    .put((byte) APIC_VERSION)
                    .put((byte) (first ? ENABLED | BOOT_PROCESSOR : ENABLED))
                    .putInt(CPU_STEPPING)
                    .putInt(FEATURES_APIC_FPU)
                    .putLong(0);
        }
        bus(PCI_BUS, "PCI   ");
        bus(ISA_BUS, "ISA   ");
        entry(IO_APIC)
                .put((byte) MemoryLayout.IO_APIC_ID)
                .put((byte) IO_APIC_VERSION)
                .put((byte) ENABLED)
                .putInt((int) MemoryLayout.IO_APIC);
        interrupts();
        int boot = hardware.processors().getFirst();
        interrupt(LOCAL_INTERRUPT, EXT_INT, CONFORMING, ISA_BUS, 0, boot, 0);
        interrupt(LOCAL_INTERRUPT, NMI, CONFORMING, ISA_BUS, 0, ALL, 1);
        return finish();
    }

    private void interrupts() {
        Set<Integer> level = new HashSet<>();
        for (PciInterrupt route : hardware.pciInterrupts()) {
            level.add(route.gsi());
            int source = route.slot() << 2 | route.pin();
            interrupt(IO_INTERRUPT, INT, LEVEL_ACTIVE_LOW, PCI_BUS, source, MemoryLayout.IO_APIC_ID, route.gsi());
        }
        int sci = hardware.acpiPm().gsi();
        for (int irq = 0; irq < ISA_INTERRUPTS; irq++) {
            if (irq != CASCADE && !level.contains(irq)) {
                int flags = irq == sci ? LEVEL_ACTIVE_LOW : CONFORMING;
                interrupt(IO_INTERRUPT, INT, flags, ISA_BUS, irq, MemoryLayout.IO_APIC_ID, irq);
            }
        }
    }

    private ByteBuffer entry(int type) {
        entries++;
        return out.put((byte) type);
    }

    private void bus(int number, String type) {
        entry(BUS).put((byte) number).put(type.getBytes(StandardCharsets.US_ASCII));
    }

    private void interrupt(int entry, int type, int flags, int bus, int source, int apic, int input) {
        entry(entry)
                .put((byte) type)
                .putShort((short) flags)
                .put((byte) bus)
                .put((byte) source)
                .put((byte) apic)
                .put((byte) input);
    }

    private byte[] finish() {
        int length = out.position();
        byte[] table = new byte[length];
        out.position(0);
        out.put("PCMP".getBytes(StandardCharsets.US_ASCII));
        out.putShort((short) length);
        out.put((byte) SPECIFICATION);
        out.put((byte) 0);
        out.put("JCROSVM VM          ".getBytes(StandardCharsets.US_ASCII));
        out.putInt(0);
        out.putShort((short) 0);
        out.putShort((short) entries);
        out.putInt((int) MemoryLayout.LOCAL_APIC);
        out.get(0, table);
        table[7] = checksum(table, length);
        return table;
    }

    static byte checksum(byte[] bytes, int length) {
        int sum = 0;
        for (int i = 0; i < length; i++) {
            sum += bytes[i];
        }
        return (byte) -sum;
    }
}
