package jcrosvm.hypervisor.soft.mmu;

import java.lang.foreign.MemorySegment;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import org.jspecify.annotations.Nullable;

/**
 * A processor's way to memory: linear addresses through paging and the TLB to RAM or devices.
 *
 * <p>Accesses have the rights of the current CPL unless the name says {@code System} (descriptor tables and TSS:
 * supervisor, whatever CPL). Sizes are 1, 2, 4 and 8; values are zero-extended; any alignment. A page fault is thrown
 * as {@link jcrosvm.hypervisor.soft.cpu.GuestException} with CR2 set; a write that crosses a page faults before it
 * changes anything.
 */
public final class Mmu {
    public Mmu(Cpu cpu, PhysicalMemory memory, Outside outside) {
        throw new UnsupportedOperationException();
    }

    public long read(long linear, int size) {
        throw new UnsupportedOperationException();
    }

    public void write(long linear, int size, long value) {
        throw new UnsupportedOperationException();
    }

    public long readSystem(long linear, int size) {
        throw new UnsupportedOperationException();
    }

    public void writeSystem(long linear, int size, long value) {
        throw new UnsupportedOperationException();
    }

    /** Atomically replaces {@code expected} by {@code value}; faults as a write even if it does not. */
    public boolean compareAndSet(long linear, int size, long expected, long value) {
        throw new UnsupportedOperationException();
    }

    /** The same for 16 aligned bytes. */
    public boolean compareAndSet(long linear, long expectedLow, long expectedHigh, long low, long high) {
        throw new UnsupportedOperationException();
    }

    /** Raises what an access of this kind would raise. */
    public void probe(long linear, int size, boolean write) {
        throw new UnsupportedOperationException();
    }

    /** Copies up to 1024 bytes of guest memory; faults before it copies. */
    public void read(long linear, MemorySegment into) {
        throw new UnsupportedOperationException();
    }

    public void write(long linear, MemorySegment from) {
        throw new UnsupportedOperationException();
    }

    /**
     * RAM behind a range, for bulk work: at most to the end of the page.
     *
     * @return null when it is not RAM or not writable without further ado; use single accesses then
     */
    public @Nullable MemorySegment ram(long linear, int length, boolean write) {
        throw new UnsupportedOperationException();
    }

    /**
     * Physical address of an instruction, with the rights of fetching.
     *
     * <p>Throws #PF as the fetch would.
     */
    public long physicalOfCode(long linear) {
        throw new UnsupportedOperationException();
    }

    /**
     * Copies code bytes, at most to the end of their page.
     *
     * @return how many
     */
    public int fetch(long linear, byte[] into, int offset, int length) {
        throw new UnsupportedOperationException();
    }

    /** After a change of CR0, CR3, CR4 or EFER that affects paging, and for INVLPG and INVPCID. */
    public void flush(boolean globalToo) {
        throw new UnsupportedOperationException();
    }

    public void flushPage(long linear) {
        throw new UnsupportedOperationException();
    }

    /** After a change of CPL, RFLAGS.AC, CR4.SMAP: selects the rights of the accesses that follow. */
    public void rightsChanged() {
        throw new UnsupportedOperationException();
    }
}
