package jcrosvm.hypervisor.soft.mmu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.OptionalLong;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import org.jspecify.annotations.Nullable;

/**
 * A processor's way to memory: linear addresses through paging and the TLB to RAM or devices.
 *
 * <p>Accesses have the rights of the current CPL unless the name says {@code System} (descriptor tables and TSS:
 * supervisor, whatever CPL). Sizes are 1, 2, 4 and 8; values are zero-extended; any alignment. A page fault is thrown
 * as {@link GuestException} with CR2 set; a write that crosses a page faults before it
 * changes anything.
 *
 * <p>Belongs to the processor's thread, inside ({@link Coherence}). It is outside while a device has the word.
 */
public final class Mmu {
    private static final int PAGE = 4096;

    private final Cpu cpu;
    private final PhysicalMemory memory;
    private final Tlb tlb;
    private final Translation translation;
    private final Coherence.Processor processor;
    private final Access access;
    private final AtomicAccess atomic;

    /** Of the accesses of the instruction, and of implicit ones. */
    private int context;

    private int systemContext;
    /** Address bits that must be 0 as far as they are below an operand's size; none while alignment is not checked. */
    private int alignment;

    public Mmu(Cpu cpu, PhysicalMemory memory, Outside outside) {
        this.cpu = cpu;
        this.memory = memory;
        tlb = new Tlb(cpu.state());
        translation = new Translation(cpu, memory, tlb);
        processor = memory.coherence().join(cpu, tlb);
        access = new Access(memory, tlb, translation, processor, outside);
        atomic = new AtomicAccess(memory, tlb, translation, access);
        rightsChanged();
    }

    /** This processor's part in exclusive sections. */
    public Coherence.Processor processor() {
        return processor;
    }

    public PhysicalMemory memory() {
        return memory;
    }

    /** Which of the TLBs the instruction's accesses use: {@link Tlb#USER} and so on. */
    public int context() {
        return context;
    }

    public long read(long linear, int size) {
        align(linear, size);
        return access.read(context, linear, size);
    }

    public void write(long linear, int size, long value) {
        align(linear, size);
        access.write(context, linear, size, value);
    }

    public long readSystem(long linear, int size) {
        return access.read(systemContext, linear, size);
    }

    public void writeSystem(long linear, int size, long value) {
        access.write(systemContext, linear, size, value);
    }

    /** Whether the instruction's accesses have to be aligned: RFLAGS.AC and CR0.AM at CPL 3. */
    public boolean checksAlignment() {
        return alignment != 0;
    }

    /**
     * #AC(0) if that is so and the address is no multiple of {@code boundary}, which is at most 16. Reads and writes of
     * up to 8 bytes do it themselves; a caller that accesses a range gives its boundary.
     */
    public void align(long linear, int boundary) {
        if (((int) linear & boundary - 1 & alignment) != 0) {
            throw cpu.fault(GuestException.AC, 0);
        }
    }

    /** Atomically replaces {@code expected} by {@code value}; faults as a write even if it does not. */
    public boolean compareAndSet(long linear, int size, long expected, long value) {
        return atomic.compareAndSet(context, linear, size, expected, value);
    }

    /** The same for 16 aligned bytes. */
    public boolean compareAndSet(long linear, long expectedLow, long expectedHigh, long low, long high) {
        return atomic.compareAndSet(context, linear, expectedLow, expectedHigh, low, high);
    }

    /**
     * Makes the TLB serve an access, if it can: for generated code. Raises what the access would raise; a page counts as
     * written.
     *
     * @return false when it cannot: a device, the end of a page, a page whose writes are watched
     */
    public boolean prepare(long linear, int size, boolean write) {
        if (Translation.crosses(linear, size)) {
            return false;
        }
        int tag = write ? Tlb.WRITE : Tlb.READ;
        int index = Tlb.index(context, linear);
        if (!tlb.hits(index, tag, linear, size)) {
            translation.translate(context, linear, write ? PageWalker.WRITE : 0);
        }
        return tlb.hits(index, tag, linear, size);
    }

    /** Whether the page of an instruction that was just fetched is global. */
    public boolean isGlobalCode(long linear) {
        int index = Tlb.index(context, linear);
        return tlb.hits(index, Tlb.EXECUTE, linear, 1) && tlb.isGlobal(index);
    }

    /** Asks to be told of what the TLB forgets. */
    public void listen(Tlb.Listener listener) {
        tlb.listener = listener;
    }

    // Ranges

    /** Raises what an access of this kind would raise. */
    public void probe(long linear, int size, boolean write) {
        long at = linear;
        for (int left = size; left > 0; ) {
            int n = Math.min(left, PAGE - ((int) at & PAGE - 1));
            if (!tlb.hits(Tlb.index(context, at), write ? Tlb.WRITE : Tlb.READ, at, n)) {
                translation.translate(context, at, PageWalker.PEEK | (write ? PageWalker.WRITE : 0));
            }
            at = translation.plus(at, n);
            left -= n;
        }
    }

    /** Copies up to 1024 bytes of guest memory; faults before it copies. */
    public void read(long linear, MemorySegment into) {
        int length = (int) into.byteSize();
        probe(linear, length, false);
        for (int done = 0; done < length; ) {
            long at = translation.plus(linear, done);
            MemorySegment ram = ram(at, length - done, false);
            if (ram != null) {
                MemorySegment.copy(ram, 0, into, done, ram.byteSize());
                done += (int) ram.byteSize();
            } else {
                int size = Access.pieceSize(at, length - done);
                long value = read(at, size);
                for (int i = 0; i < size; i++) {
                    into.set(ValueLayout.JAVA_BYTE, done++, (byte) (value >>> (i << 3)));
                }
            }
        }
    }

    public void write(long linear, MemorySegment from) {
        int length = (int) from.byteSize();
        probe(linear, length, true);
        for (int done = 0; done < length; ) {
            long at = translation.plus(linear, done);
            MemorySegment ram = ram(at, length - done, true);
            if (ram != null) {
                MemorySegment.copy(from, done, ram, 0, ram.byteSize());
                done += (int) ram.byteSize();
            } else {
                int size = Access.pieceSize(at, length - done);
                long value = 0;
                for (int i = 0; i < size; i++) {
                    value |= Byte.toUnsignedLong(from.get(ValueLayout.JAVA_BYTE, done++)) << (i << 3);
                }
                write(at, size, value);
            }
        }
    }

    /**
     * RAM behind a range, for bulk work: at most to the end of the page. Raises what an access would raise. What is to
     * be written counts as written at once: no code in it is known any more.
     *
     * @return null when it is not RAM or not writable without further ado; use single accesses then
     */
    public @Nullable MemorySegment ram(long linear, int length, boolean write) {
        int n = Math.min(length, PAGE - ((int) linear & PAGE - 1));
        int index = Tlb.index(context, linear);
        Slot s;
        long offset;
        if (tlb.hits(index, write ? Tlb.WRITE : Tlb.READ, linear, n)) {
            s = tlb.slot(index);
            offset = tlb.slotOffset(index, s, linear);
        } else {
            long physical = translation.translate(context, linear, write ? PageWalker.WRITE : 0);
            s = translation.slot();
            if (s == null || write && s.readOnly) {
                return null;
            }
            offset = physical - s.address;
            if (write) {
                memory.written(s, offset, n);
                if (translation.slotAt(physical) != s) {
                    return ram(linear, length, true); // an exclusive section took the slot away
                }
                if (!s.freelyWritable(offset)) {
                    return null; // code beside the range: another processor may mark some within before the write
                }
            }
        }
        return s.host.asSlice(offset, n);
    }

    // Code

    /** Physical address behind a linear one with the supervisor's rights, for a debugger: nothing changes by it. */
    public OptionalLong look(long linear) {
        long cr2 = cpu.cr2;
        try {
            return OptionalLong.of(translation.look(linear));
        } catch (GuestException e) {
            cpu.cr2 = cr2;
            return OptionalLong.empty();
        }
    }

    /**
     * Physical address of an instruction, with the rights of fetching.
     *
     * <p>Throws #PF as the fetch would.
     */
    public long physicalOfCode(long linear) {
        int index = Tlb.index(context, linear);
        if (tlb.hits(index, Tlb.EXECUTE, linear, 1)) {
            Slot s = tlb.slot(index);
            return s.address + tlb.slotOffset(index, s, linear);
        }
        return translation.translate(context, linear, PageWalker.FETCH);
    }

    /** The same if the TLB knows it, or -1. */
    public long knownPhysicalOfCode(long linear) {
        int index = Tlb.index(context, linear);
        if (!tlb.hits(index, Tlb.EXECUTE, linear, 1)) {
            return -1;
        }
        Slot s = tlb.slot(index);
        return s.address + tlb.slotOffset(index, s, linear);
    }

    /**
     * Copies code bytes, at most to the end of their page.
     *
     * @return how many
     */
    public int fetch(long linear, byte[] into, int offset, int length) {
        int n = Math.min(length, PAGE - ((int) linear & PAGE - 1));
        long physical = physicalOfCode(linear);
        Slot s = translation.slotAt(physical);
        if (s != null) {
            MemorySegment.copy(s.host, ValueLayout.JAVA_BYTE, physical - s.address, into, offset, n);
            return n;
        }
        for (int i = 0; i < n; i++) {
            into[offset + i] = (byte) access.deviceRead(physical + i, 1);
        }
        return n;
    }

    // TLB

    /** After a change of CR0, CR3, CR4 or EFER that affects paging, and for INVLPG and INVPCID. */
    public void flush(boolean globalToo) {
        if (globalToo) {
            tlb.flushAll();
        } else {
            tlb.flushLocal();
        }
    }

    public void flushPage(long linear) {
        tlb.flushPage(linear);
    }

    /** After a change of CPL, RFLAGS.AC, CR0.AM, CR4.SMAP: selects the rights of the accesses that follow. */
    public void rightsChanged() {
        systemContext = (cpu.cr4 & Control.CR4_SMAP) != 0 ? Tlb.SUPERVISOR : Tlb.SUPERVISOR_ANY;
        context = cpu.cpl == 3 ? Tlb.USER : cpu.flag(Rflags.AC) ? Tlb.SUPERVISOR_ANY : systemContext;
        boolean checked = cpu.cpl == 3 && cpu.flag(Rflags.AC) && (cpu.cr0 & Control.CR0_AM) != 0;
        alignment = checked ? 15 : 0;
    }
}
