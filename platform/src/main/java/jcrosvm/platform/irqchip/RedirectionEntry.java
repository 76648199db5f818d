package jcrosvm.platform.irqchip;

import jcrosvm.hypervisor.Msi;

/** Fields of an IOAPIC redirection table entry (82093AA, 3.2.4), packed in a long. */
final class RedirectionEntry {
    static final long DELIVERY_STATUS = 1L << 12;
    static final long REMOTE_IRR = 1L << 14;
    static final long LEVEL = 1L << 15;
    static final long MASKED = 1L << 16;
    /** What software cannot write. */
    static final long READ_ONLY = DELIVERY_STATUS | REMOTE_IRR;

    /** Delivery mode 7: the PIC has the vector, so there is no message to send. */
    private static final int EXT_INT = 7;

    private static final int DELIVERY_MODE_SHIFT = 8;
    private static final int LOGICAL_SHIFT = 11;
    private static final int DESTINATION_SHIFT = 56;
    private static final long MSI_BASE = 0xfee0_0000L;
    private static final int MSI_DESTINATION_SHIFT = 12;
    private static final int MSI_LOGICAL_SHIFT = 2;
    private static final int MSI_LEVEL = 1 << 15;

    private RedirectionEntry() {}

    static boolean isLevel(long entry) {
        return (entry & LEVEL) != 0;
    }

    static boolean isMasked(long entry) {
        return (entry & MASKED) != 0;
    }

    static int vector(long entry) {
        return (int) entry & 0xff;
    }

    static boolean isExtInt(long entry) {
        return ((entry >> DELIVERY_MODE_SHIFT) & 7) == EXT_INT;
    }

    /** The message that an interrupt on this pin is. */
    static Msi message(long entry) {
        long destination = entry >>> DESTINATION_SHIFT;
        long logical = (entry >> LOGICAL_SHIFT) & 1;
        long address = MSI_BASE | (destination << MSI_DESTINATION_SHIFT) | (logical << MSI_LOGICAL_SHIFT);
        int data = (int) entry & 0x7ff;
        return new Msi(address, isLevel(entry) ? data | MSI_LEVEL : data);
    }
}
