package jcrosvm.hypervisor.soft.mmu;

import java.lang.foreign.MemorySegment;

/** The memory slots of a VM. Thread-safe; processors look without locks. */
public final class PhysicalMemory {
    public void add(int slot, long address, MemorySegment host, boolean readOnly) {
        throw new UnsupportedOperationException();
    }

    public void remove(int slot) {
        throw new UnsupportedOperationException();
    }
}
