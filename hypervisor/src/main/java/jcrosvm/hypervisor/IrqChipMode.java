package jcrosvm.hypervisor;

/** Who emulates which interrupt controller. The local APICs are always the hypervisor's. */
public enum IrqChipMode {
    /** PIC, PIT and IOAPIC are the hypervisor's too. */
    KERNEL,
    /** PIC, PIT and IOAPIC are the machine's, in user space. */
    SPLIT
}
