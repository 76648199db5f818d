package jcrosvm.hypervisor.soft.apic;

/** Logical destinations of messages (SDM volume 3, 11.6.2.2, 11.12.10.2). */
final class LogicalAddress {
    private LogicalAddress() {}

    /** The logical destination register of an APIC in x2APIC mode: 16 to a cluster. */
    static int ofX2Apic(int id) {
        return ((id >> 4) << 16) | (1 << (id & 15));
    }

    /** Whether an APIC with these logical destination and destination format registers is meant. */
    static boolean matches(int ldr, int dfr, boolean x2apic, int destination) {
        if (x2apic) {
            return ldr >>> 16 == destination >>> 16 && (ldr & destination & 0xffff) != 0;
        }
        int address = ldr >>> 24;
        if (dfr >>> 28 == ApicRegister.DFR_FLAT) {
            return (address & destination) != 0;
        }
        return address >> 4 == destination >> 4 && (address & destination & 0xf) != 0;
    }
}
