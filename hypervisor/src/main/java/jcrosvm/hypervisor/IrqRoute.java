package jcrosvm.hypervisor;

/** Where a global system interrupt goes. */
public sealed interface IrqRoute {
    int gsi();

    /**
     * To an input pin of a controller of the hypervisor.
     *
     * @param controller its number, which the architecture gives
     */
    record Pin(int gsi, int controller, int pin) implements IrqRoute {}

    /** To the vCPUs, as a message. */
    record Message(int gsi, Msi msi) implements IrqRoute {}
}
