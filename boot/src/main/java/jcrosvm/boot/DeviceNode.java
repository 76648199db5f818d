package jcrosvm.boot;

/**
 * A device that no bus announces, as the tables of whatever form tell a guest of it.
 *
 * @param base first port or guest physical address
 * @param size ports or bytes
 * @param gsi global system interrupt, or {@link #NO_GSI}
 */
public record DeviceNode(Kind kind, Space space, long base, int size, int gsi) {
    public static final int NO_GSI = -1;

    /** What it is. */
    public enum Kind {
        /** An 8250 with a FIFO. Nodes of this kind are numbered from 1 in their order. */
        UART_16550,
        /** The MC146818 clock with its memory. */
        RTC_CMOS,
        /** The reset line of a keyboard controller, without a keyboard. */
        I8042,
        /** A port that a guest writes text to. */
        DEBUG_CONSOLE,
        /** ACPI's fixed hardware, laid out as {@link PcDevices.PmBlock}; the interrupt is the SCI. */
        ACPI_PM,
        /** The register block of a virtio device (virtio 4.2), with a level-triggered, active-high interrupt. */
        VIRTIO_MMIO
    }

    /** Where it is reached. */
    public enum Space {
        PORTS,
        MEMORY
    }
}
