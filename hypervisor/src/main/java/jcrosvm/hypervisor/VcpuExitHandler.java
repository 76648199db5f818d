package jcrosvm.hypervisor;

/**
 * The only way out of a running vCPU: called on its thread for each access that no memory slot serves. Values are
 * zero-extended into a long.
 */
public interface VcpuExitHandler {
    /** @param size 1, 2 or 4 */
    long portRead(int port, int size);

    void portWrite(int port, int size, long value);

    /** @param size 1 to 8 */
    long mmioRead(long address, int size);

    void mmioWrite(long address, int size, long value);

    /** The guest ended a level-triggered interrupt of the user-space IOAPIC (SPLIT only). */
    default void endOfInterrupt(int vector) {}

    /** Whether the user-space PIC asks for attention (SPLIT, vCPU 0). Must be cheap: asked before each entry. */
    default boolean externalInterrupt() {
        return false;
    }

    /** Acknowledges the PIC: the vector to deliver, or -1 if the request is gone. */
    default int acknowledgeInterrupt() {
        return -1;
    }
}
