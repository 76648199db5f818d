package jcrosvm.hypervisor.x86;

/** The controllers that {@link jcrosvm.hypervisor.IrqRoute.Pin} numbers, in the order of KVM. */
public enum IrqController {
    PIC_MASTER,
    PIC_SLAVE,
    IOAPIC;

    /** As {@link jcrosvm.hypervisor.IrqRoute.Pin#controller} says it. */
    public int number() {
        return ordinal();
    }
}
