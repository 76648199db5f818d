package jcrosvm.memory;

/** Told of every write that this process makes to guest memory; writes of vCPUs are the hypervisor's to log. */
@FunctionalInterface
public interface DirtyTracker {
    /** May be called from any thread, after the write. */
    void written(long address, long length);
}
