package jcrosvm.hypervisor;

/**
 * The only way out of a running vCPU: called on its thread for each access that no memory slot serves. Values are
 * zero-extended into a long.
 */
public interface VcpuExitHandler {
    /**
     * A read of an I/O port, of processors that have them.
     *
     * @param size 1, 2 or 4
     */
    long portRead(int port, int size);

    void portWrite(int port, int size, long value);

    /** @param size 1 to 8 */
    long mmioRead(long address, int size);

    void mmioWrite(long address, int size, long value);

    /** The guest ended a level-triggered interrupt of a user-space controller (SPLIT only). */
    default void endOfInterrupt(int vector) {}

    /** Whether a user-space controller that is wired to this vCPU asks for attention (SPLIT). Must be cheap: asked before each entry. */
    default boolean externalInterrupt() {
        return false;
    }

    /** Acknowledges its interrupt: the vector to deliver, or -1 if the request is gone. */
    default int acknowledgeInterrupt() {
        return -1;
    }
}
