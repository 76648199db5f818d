package jcrosvm.boot;

import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * What the tables tell the guest of the machine, besides the {@link MemoryLayout}.
 *
 * @param apicIds local APIC id of each vCPU, the boot processor first
 * @param ioApicId id of the one I/O APIC, at {@link MemoryLayout#IO_APIC}
 * @param sciIrq interrupt of ACPI events
 * @param pmPort first port of the ACPI power management block, laid out as {@link PmBlock}
 * @param rtc whether there is a CMOS clock at port 0x70, interrupt 8
 * @param i8042 whether there is a keyboard controller at port 0x60
 * @param debugConsole port of the debug console
 * @param pciInterrupts where the pins of bus 0 are wired to
 * @param params kernel parameters that the machine's own devices need, such as {@code console=ttyS0}
 * @param aml bodies of further definition blocks, each becoming one SSDT
 */
public record Hardware(
        List<Integer> apicIds,
        int ioApicId,
        int sciIrq,
        int pmPort,
        List<SerialPort> serialPorts,
        boolean rtc,
        boolean i8042,
        OptionalInt debugConsole,
        List<PciInterrupt> pciInterrupts,
        List<String> params,
        List<byte[]> aml) {
    public static final int RESET_PORT = 0xcf9;
    public static final int RESET_VALUE = 6;
    public static final int DEFAULT_SCI_IRQ = 5;
    public static final int DEFAULT_PM_PORT = 0xc000;

    /** An 8250 at {@code port}; {@code number} counts from 1 as in COM1. */
    public record SerialPort(int number, int port, int irq) {}

    /**
     * The wiring of one interrupt pin.
     *
     * @param slot device number on bus 0
     * @param pin 0 for INTA to 3 for INTD
     * @param gsi input of the I/O APIC, level-triggered and active low
     */
    public record PciInterrupt(int slot, int pin, int gsi) {}

    /** Offsets from {@link #pmPort} of the registers that the FADT announces; sizes in bytes. */
    public static final class PmBlock {
        public static final int PM1_EVENT = 0;
        public static final int PM1_EVENT_SIZE = 4;
        public static final int PM1_CONTROL = 4;
        public static final int PM1_CONTROL_SIZE = 2;
        public static final int GPE0 = 6;
        public static final int GPE0_SIZE = 64;
        public static final int SIZE = 70;
        /** SLP_TYP values of the sleep states. */
        public static final int SLEEP_TYPE_S1 = 1;

        public static final int SLEEP_TYPE_S5 = 0;

        private PmBlock() {}
    }

    /** CMOS registers that the FADT announces. */
    public static final class RtcRegisters {
        public static final int CENTURY = 0x32;
        public static final int DAY_ALARM = 0x7d;
        public static final int MONTH_ALARM = 0x7e;

        private RtcRegisters() {}
    }

    public Hardware {
        apicIds = List.copyOf(apicIds);
        serialPorts = List.copyOf(serialPorts);
        pciInterrupts = List.copyOf(pciInterrupts);
        params = List.copyOf(params);
        aml = List.copyOf(aml);
    }

    /** APIC ids counted from 0, COM1 to COM4, RTC, i8042, and no PCI interrupts. */
    public static Hardware defaults(int vcpus) {
        return new Hardware(
                IntStream.range(0, vcpus).boxed().toList(),
                0,
                DEFAULT_SCI_IRQ,
                DEFAULT_PM_PORT,
                List.of(
                        new SerialPort(1, 0x3f8, 4),
                        new SerialPort(2, 0x2f8, 3),
                        new SerialPort(3, 0x3e8, 4),
                        new SerialPort(4, 0x2e8, 3)),
                true,
                true,
                OptionalInt.empty(),
                List.of(),
                List.of(),
                List.of());
    }
}
