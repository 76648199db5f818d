package jcrosvm.hypervisor;

/** Where a global system interrupt goes. */
public sealed interface IrqRoute {
    int gsi();

    /** To an input pin of an in-kernel controller. */
    record Pin(int gsi, Chip chip, int pin) implements IrqRoute {}

    /** To the local APICs, as a message. */
    record Message(int gsi, Msi msi) implements IrqRoute {}

    /** In-kernel controllers. */
    enum Chip {
        PIC_MASTER,
        PIC_SLAVE,
        IOAPIC
    }
}
