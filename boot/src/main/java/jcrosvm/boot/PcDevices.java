package jcrosvm.boot;

import java.util.List;
import jcrosvm.boot.DeviceNode.Kind;
import jcrosvm.boot.DeviceNode.Space;

/** Where the devices of an x86-64 machine are that no bus announces. */
public final class PcDevices {
    public static final int RESET_PORT = 0xcf9;
    public static final int RESET_VALUE = 6;

    public static final DeviceNode ACPI_PM = new DeviceNode(Kind.ACPI_PM, Space.PORTS, 0xc000, PmBlock.SIZE, 5);
    public static final DeviceNode RTC = new DeviceNode(Kind.RTC_CMOS, Space.PORTS, 0x70, 2, 8);
    public static final DeviceNode I8042 = new DeviceNode(Kind.I8042, Space.PORTS, 0x64, 1, DeviceNode.NO_GSI);

    /** COM1 to COM4. */
    public static final List<DeviceNode> SERIAL =
            List.of(uart(0x3f8, 4), uart(0x2f8, 3), uart(0x3e8, 4), uart(0x2e8, 3));

    private static final int VIRTIO_SIZE = 0x1000;
    private static final int FIRST_VIRTIO_GSI = 16;
    private static final int VIRTIO_GSIS = 8;

    /** Offsets from {@link #ACPI_PM} of the registers that the FADT announces; sizes in bytes. */
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

    private PcDevices() {}

    private static DeviceNode uart(int port, int irq) {
        return new DeviceNode(Kind.UART_16550, Space.PORTS, port, 8, irq);
    }

    /**
     * A virtio device on no bus, behind the PCI windows; devices share interrupts when there are many.
     *
     * @param number from 0
     */
    public static DeviceNode virtio(int number) {
        return new DeviceNode(
                Kind.VIRTIO_MMIO,
                Space.MEMORY,
                MemoryLayout.PLATFORM_START + (long) number * VIRTIO_SIZE,
                VIRTIO_SIZE,
                FIRST_VIRTIO_GSI + number % VIRTIO_GSIS);
    }

    /** A port for text. */
    public static DeviceNode debugConsole(int port) {
        return new DeviceNode(Kind.DEBUG_CONSOLE, Space.PORTS, port, 1, DeviceNode.NO_GSI);
    }
}
