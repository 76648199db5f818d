package jcrosvm.hypervisor;

/**
 * Host memory that a guest sees. It stays mapped until the slot or its VM is closed, also when the handle is not kept.
 * Thread-safe. After the end of the slot, all but {@link #close} are an {@link IllegalStateException}.
 */
public interface MemorySlot extends AutoCloseable {
    /**
     * Starts or stops logging the pages that vCPUs write, and for the software processor those that devices write too.
     * What was logged before is lost.
     */
    void logDirty(boolean on);

    /**
     * Takes the log: the pages written since the last call, one bit each from the slot's first page on, least significant
     * bit first; pages have 4096 bytes. Without logging no bit is set. A bit may be set for a page that was not written.
     */
    long[] dirty();

    /**
     * Unmaps the slot; accesses of the guest exit as MMIO from then on. When this returns, no vCPU reaches the memory any
     * more. Twice, and after the end of the VM, it is harmless.
     */
    @Override
    void close();
}
