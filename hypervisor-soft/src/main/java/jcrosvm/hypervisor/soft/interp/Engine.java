package jcrosvm.hypervisor.soft.interp;

/** Something that executes guest code, on the processor's thread. */
@FunctionalInterface
public interface Engine {
    /**
     * Executes until {@code Cpu.pending()} is not zero. A fault of the guest is thrown, with RIP at its instruction; so
     * is {@link UnsupportedInstruction}.
     */
    void run();
}
