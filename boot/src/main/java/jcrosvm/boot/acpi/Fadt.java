package jcrosvm.boot.acpi;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcrosvm.boot.DeviceNode;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.PcDevices;
import jcrosvm.boot.PcDevices.PmBlock;
import jcrosvm.boot.PcDevices.RtcRegisters;

/** The fixed ACPI description table, revision 6.3 (ACPI 6.3, 5.2.9). Offsets count from the table's start. */
final class Fadt {
    static final String SIGNATURE = "FACP";

    private static final int SIZE = 276;
    private static final int REVISION = 6;
    private static final int MINOR_REVISION = 3;

    private static final int FIRMWARE_CTRL = 36;
    private static final int DSDT = 40;
    private static final int SCI_INT = 46;
    private static final int PM1A_EVT_BLK = 56;
    private static final int PM1A_CNT_BLK = 64;
    private static final int GPE0_BLK = 80;
    private static final int PM1_EVT_LEN = 88;
    private static final int PM1_CNT_LEN = 89;
    private static final int GPE0_BLK_LEN = 92;
    private static final int P_LVL2_LAT = 96;
    private static final int P_LVL3_LAT = 98;
    private static final int DAY_ALRM = 106;
    private static final int MON_ALRM = 107;
    private static final int CENTURY = 108;
    private static final int IAPC_BOOT_ARCH = 109;
    private static final int FLAGS = 112;
    private static final int RESET_REG = 116;
    private static final int RESET_VALUE = 128;
    private static final int FADT_MINOR_VERSION = 131;
    private static final int X_DSDT = 140;
    private static final int X_PM1A_EVT_BLK = 148;
    private static final int X_PM1A_CNT_BLK = 172;
    private static final int X_GPE0_BLK = 220;
    private static final int HYPERVISOR_VENDOR_IDENTITY = 268;

    /** These latencies and above say that there is no such state. */
    private static final int NO_C2 = 101;

    private static final int NO_C3 = 1001;

    private static final int LEGACY_DEVICES = 1;
    private static final int VGA_NOT_PRESENT = 1 << 2;
    private static final int PCIE_ASPM_CONTROLS = 1 << 4;
    private static final int CMOS_RTC_NOT_PRESENT = 1 << 5;

    private static final int WBINVD = 1;
    private static final int PROC_C1 = 1 << 2;
    private static final int RESET_REG_SUP = 1 << 10;

    private static final int SYSTEM_IO = 1;
    private static final int BYTE_ACCESS = 1;
    private static final int WORD_ACCESS = 2;

    private Fadt() {}

    /**
     * @param facs address of the firmware ACPI control structure
     * @param dsdt address of the differentiated system description table
     */
    static byte[] of(Hardware hardware, long facs, long dsdt) {
        int header = Sdt.HEADER_SIZE;
        ByteBuffer t = ByteBuffer.allocate(SIZE).order(ByteOrder.LITTLE_ENDIAN);
        DeviceNode pm = hardware.acpiPm();
        boolean rtc = hardware.device(DeviceNode.Kind.RTC_CMOS).isPresent();
        int event = (int) pm.base() + PmBlock.PM1_EVENT;
        int control = (int) pm.base() + PmBlock.PM1_CONTROL;
        int gpe = (int) pm.base() + PmBlock.GPE0;
        t.putInt(FIRMWARE_CTRL, (int) facs);
        t.putInt(DSDT, (int) dsdt);
        t.putShort(SCI_INT, (short) pm.gsi());
        t.putInt(PM1A_EVT_BLK, event);
        t.putInt(PM1A_CNT_BLK, control);
        t.putInt(GPE0_BLK, gpe);
        t.put(PM1_EVT_LEN, (byte) PmBlock.PM1_EVENT_SIZE);
        t.put(PM1_CNT_LEN, (byte) PmBlock.PM1_CONTROL_SIZE);
        t.put(GPE0_BLK_LEN, (byte) PmBlock.GPE0_SIZE);
        t.putShort(P_LVL2_LAT, (short) NO_C2);
        t.putShort(P_LVL3_LAT, (short) NO_C3);
        if (rtc) {
            t.put(DAY_ALRM, (byte) RtcRegisters.DAY_ALARM);
            t.put(MON_ALRM, (byte) RtcRegisters.MONTH_ALARM);
            t.put(CENTURY, (byte) RtcRegisters.CENTURY);
        }
        // The 8042 flag stays clear: ours only resets, and guests would spend time on probing for a keyboard.
        int architecture = LEGACY_DEVICES | VGA_NOT_PRESENT | PCIE_ASPM_CONTROLS;
        t.putShort(IAPC_BOOT_ARCH, (short) (rtc ? architecture : architecture | CMOS_RTC_NOT_PRESENT));
        // Clear flags say that power and sleep button are fixed features and that the RTC's wake status is one too.
        t.putInt(FLAGS, WBINVD | PROC_C1 | RESET_REG_SUP);
        address(t, RESET_REG, PcDevices.RESET_PORT, 1, BYTE_ACCESS);
        t.put(RESET_VALUE, (byte) PcDevices.RESET_VALUE);
        t.put(FADT_MINOR_VERSION, (byte) MINOR_REVISION);
        // Not both FIRMWARE_CTRL and X_FIRMWARE_CTRL may be set.
        t.putLong(X_DSDT, dsdt);
        address(t, X_PM1A_EVT_BLK, event, PmBlock.PM1_EVENT_SIZE, WORD_ACCESS);
        address(t, X_PM1A_CNT_BLK, control, PmBlock.PM1_CONTROL_SIZE, WORD_ACCESS);
        address(t, X_GPE0_BLK, gpe, PmBlock.GPE0_SIZE, BYTE_ACCESS);
        t.position(HYPERVISOR_VENDOR_IDENTITY);
        t.put(Sdt.ascii("JCROSVM"));
        byte[] body = new byte[SIZE - header];
        t.get(header, body);
        return Sdt.of(SIGNATURE, REVISION, body);
    }

    /** A generic address (5.2.3.2). Widths above 255 bits do not fit and are given in the legacy fields alone. */
    private static void address(ByteBuffer t, int at, int port, int size, int access) {
        t.put(at, (byte) SYSTEM_IO);
        t.put(at + 1, (byte) Math.min(255, 8 * size));
        t.put(at + 2, (byte) 0);
        t.put(at + 3, (byte) access);
        t.putLong(at + 4, port);
    }
}
