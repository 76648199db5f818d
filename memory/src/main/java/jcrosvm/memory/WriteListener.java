package jcrosvm.memory;

/**
 * Told of every write that this process makes to guest memory through {@link GuestMemory}, or reports to it. Writes of
 * vCPUs are the hypervisor's to log; of those of other processes and of the kernel's vhost nothing is known.
 */
@FunctionalInterface
public interface WriteListener {
    /**
     * Called on the thread that wrote, after the write; on several threads at a time. It must not throw.
     *
     * @param address guest physical address of the first byte
     * @param length bytes; may be 0
     */
    void written(long address, long length);
}
