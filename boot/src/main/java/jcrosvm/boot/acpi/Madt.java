package jcrosvm.boot.acpi;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.SortedSet;
import java.util.TreeSet;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.MemoryLayout;

/** The multiple APIC description table (ACPI 6.3, 5.2.12). */
final class Madt {
    private static final int REVISION = 5;
    private static final int PCAT_COMPAT = 1;
    private static final int ENABLED = 1;
    private static final int ALL_PROCESSORS = 0xff;
    private static final int FIRST_X2APIC_ID = 255;
    private static final int LEVEL_ACTIVE_LOW = 0xf;
    private static final int ISA_INTERRUPTS = 16;

    private Madt() {}

    static byte[] of(Hardware hardware) {
        ByteBuffer t = ByteBuffer.allocate(256 + 16 * hardware.processors().size() + 10 * ISA_INTERRUPTS)
                .order(ByteOrder.LITTLE_ENDIAN);
        t.putInt((int) MemoryLayout.LOCAL_APIC).putInt(PCAT_COMPAT);
        boolean wide = false;
        for (int i = 0; i < hardware.processors().size(); i++) {
            int id = hardware.processors().get(i);
            if (id < FIRST_X2APIC_ID) {
                start(t, 0, 8).put((byte) i).put((byte) id).putInt(ENABLED);
            } else {
                wide = true;
                start(t, 9, 16).putShort((short) 0).putInt(id).putInt(ENABLED).putInt(i);
            }
        }
        start(t, 1, 12)
                .put((byte) MemoryLayout.IO_APIC_ID)
                .put((byte) 0)
                .putInt((int) MemoryLayout.IO_APIC)
                .putInt(0);
        for (int irq : levelInterrupts(hardware)) {
            start(t, 2, 10).put((byte) 0).put((byte) irq).putInt(irq).putShort((short) LEVEL_ACTIVE_LOW);
        }
        start(t, 4, 6).put((byte) ALL_PROCESSORS).putShort((short) 0).put((byte) 1);
        if (wide) {
            start(t, 10, 12).putShort((short) 0).putInt(-1).put((byte) 1).put(new byte[3]);
        }
        return Sdt.of("APIC", REVISION, Arrays.copyOf(t.array(), t.position()));
    }

    /** ISA interrupts that are not, as ISA wants, edge-triggered and active high. */
    private static SortedSet<Integer> levelInterrupts(Hardware hardware) {
        SortedSet<Integer> irqs = new TreeSet<>();
        irqs.add(hardware.acpiPm().gsi());
        hardware.pciInterrupts().forEach(route -> irqs.add(route.gsi()));
        return irqs.headSet(ISA_INTERRUPTS);
    }

    private static ByteBuffer start(ByteBuffer t, int type, int length) {
        return t.put((byte) type).put((byte) length);
    }
}
