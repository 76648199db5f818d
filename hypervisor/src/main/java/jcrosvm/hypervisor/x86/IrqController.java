package jcrosvm.hypervisor.x86;

/** The controllers whose pins {@link jcrosvm.hypervisor.IrqRoute.Pin} names, numbered as KVM does. */
public enum IrqController {
    PIC_MASTER(0),
    PIC_SLAVE(1),
    IOAPIC(2);

    private final int number;

    IrqController(int number) {
        this.number = number;
    }

    /** As {@link jcrosvm.hypervisor.IrqRoute.Pin#controller} has it. */
    public int number() {
        return number;
    }
}
