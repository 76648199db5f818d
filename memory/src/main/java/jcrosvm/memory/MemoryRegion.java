package jcrosvm.memory;

import jcrosvm.base.io.SharedMemory;

/**
 * A contiguous piece of guest RAM.
 *
 * @param address guest physical address of the first byte, page-aligned
 * @param size bytes, page-aligned
 * @param backing the memfd that holds it, from offset 0
 * @param slot number of the hypervisor memory slot, unique in the VM
 */
public record MemoryRegion(long address, long size, SharedMemory backing, int slot) {
    /** First address behind the region. */
    public long end() {
        return address + size;
    }

    boolean contains(long at, long length) {
        return at >= address && length >= 0 && length <= size && at - address <= size - length;
    }
}
