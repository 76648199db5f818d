package jcrosvm.boot;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.boot.acpi.aml.Aml;
import jcrosvm.boot.acpi.aml.Resources;

/** Virtio devices that are reached by memory-mapped registers, on no bus: where they are, and how ACPI tells a guest. */
public final class VirtioMmio {
    /** Registers of the first device; the others follow. */
    public static final long START = MemoryLayout.PLATFORM_START;
    /** Bytes of each device's registers. */
    public static final long SIZE = 0x1000;

    private static final int FIRST_GSI = 16;
    private static final int GSIS = 8;

    private VirtioMmio() {}

    public static long address(int device) {
        return START + device * SIZE;
    }

    /** Input of the I/O APIC, level-triggered and active high; devices share when there are many. */
    public static int gsi(int device) {
        return FIRST_GSI + device % GSIS;
    }

    /** Body of a definition block that announces the devices, as ACPI's LNRO0005. */
    public static byte[] aml(int devices) {
        List<byte[]> all = new ArrayList<>();
        for (int i = 0; i < devices; i++) {
            all.add(Aml.device(
                    "VR%02X".formatted(i),
                    Aml.name("_HID", Aml.string("LNRO0005")),
                    Aml.name("_UID", Aml.integer(i)),
                    Aml.name("_CCA", Aml.integer(1)),
                    Aml.name(
                            "_CRS",
                            Resources.template(Resources.memory(address(i), SIZE), Resources.levelInterrupt(gsi(i))))));
        }
        return Aml.scope("_SB", Aml.list(all));
    }
}
