package jcrosvm.hypervisor.soft.mmu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import org.jspecify.annotations.Nullable;

/**
 * A processor's way to memory: linear addresses through paging and the TLB to RAM or devices.
 *
 * <p>Accesses have the rights of the current CPL unless the name says {@code System} (descriptor tables and TSS:
 * supervisor, whatever CPL). Sizes are 1, 2, 4 and 8; values are zero-extended; any alignment. A page fault is thrown
 * as {@link jcrosvm.hypervisor.soft.cpu.GuestException} with CR2 set; a write that crosses a page faults before it
 * changes anything.
 *
 * <p>Belongs to the processor's thread, inside ({@link Coherence}). It is outside while a device has the word.
 */
public final class Mmu {
    private static final int PAGE = 4096;

    private final Cpu cpu;
    private final PhysicalMemory memory;
    private final Outside outside;
    private final PageWalker walker;
    private final Tlb tlb;
    private final Coherence.Processor processor;

    /** Of the accesses of the instruction, and of implicit ones. */
    private int context;

    private int systemContext;
    /** Where the last translation leads: null for devices. */
    private @Nullable Slot slot;

    public Mmu(Cpu cpu, PhysicalMemory memory, Outside outside) {
        this.cpu = cpu;
        this.memory = memory;
        this.outside = outside;
        walker = new PageWalker(cpu, memory);
        tlb = new Tlb(cpu.state());
        processor = memory.coherence().join(cpu, tlb);
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
        return read(context, linear, size);
    }

    public void write(long linear, int size, long value) {
        write(context, linear, size, value);
    }

    public long readSystem(long linear, int size) {
        return read(systemContext, linear, size);
    }

    public void writeSystem(long linear, int size, long value) {
        write(systemContext, linear, size, value);
    }

    private long read(int who, long linear, int size) {
        int index = Tlb.index(who, linear);
        if (tlb.hits(index, Tlb.READ, linear, size)) {
            Slot s = tlb.slot(index);
            return s.load(tlb.slotOffset(index, s, linear), size);
        }
        return readSlowly(who, linear, size);
    }

    private void write(int who, long linear, int size, long value) {
        int index = Tlb.index(who, linear);
        if (tlb.hits(index, Tlb.WRITE, linear, size)) {
            Slot s = tlb.slot(index);
            s.store(tlb.slotOffset(index, s, linear), size, value);
        } else {
            writeSlowly(who, linear, size, value);
        }
    }

    // Slow paths

    /** Physical address for an access of {@link PageWalker}'s kinds within a page; sets {@link #slot}, fills the TLB. */
    private long translate(int who, long linear, int kind) {
        int tag = (kind & PageWalker.WRITE) != 0 ? Tlb.WRITE : (kind & PageWalker.FETCH) != 0 ? Tlb.EXECUTE : Tlb.READ;
        if (tlb.recall(who, tag, linear)) {
            int index = Tlb.index(who, linear);
            Slot s = tlb.slot(index);
            slot = s;
            return s.address + tlb.slotOffset(index, s, linear);
        }
        int access = kind | (who == Tlb.USER ? PageWalker.USER : who == Tlb.SUPERVISOR ? PageWalker.SMAP : 0);
        long physical = walker.walk(linear, access);
        Slot s = walker.slot(physical);
        slot = s;
        if (s != null && (kind & PageWalker.PEEK) == 0) {
            long offset = (physical & -PAGE) - s.address;
            if ((kind & PageWalker.WRITE) != 0 && !s.readOnly) {
                s.setDirty(offset, 1);
            }
            int rights = walker.rights();
            if (!walker.dirty() || !s.freelyWritable(offset)) {
                rights &= ~PageWalker.CAN_WRITE;
            }
            tlb.fill(who, linear, s, offset, rights, walker.kind());
        }
        return physical;
    }

    private static boolean crosses(long linear, int size) {
        return ((int) linear & PAGE - 1) + size > PAGE;
    }

    /** An address behind another: wraps at 4 GiB outside long mode. */
    private long plus(long linear, int n) {
        return cpu.longMode() ? linear + n : linear + n & 0xffff_ffffL;
    }

    private long readSlowly(int who, long linear, int size) {
        if (crosses(linear, size)) {
            int first = PAGE - ((int) linear & PAGE - 1);
            long low = readPiece(who, linear, first);
            return low | readPiece(who, plus(linear, first), size - first) << (first << 3);
        }
        long physical = translate(who, linear, 0);
        Slot s = slot;
        return s == null ? deviceRead(physical, size) : s.load(physical - s.address, size);
    }

    /** Up to 7 bytes of a page, as naturally aligned accesses. */
    private long readPiece(int who, long linear, int length) {
        long value = 0;
        for (int done = 0; done < length; ) {
            int size = pieceSize(linear + done, length - done);
            value |= read(who, linear + done, size) << (done << 3);
            done += size;
        }
        return value;
    }

    private void writePiece(int who, long linear, int length, long value) {
        for (int done = 0; done < length; ) {
            int size = pieceSize(linear + done, length - done);
            write(who, linear + done, size, value >>> (done << 3));
            done += size;
        }
    }

    private static int pieceSize(long linear, int left) {
        return Math.min(Integer.highestOneBit(left), 1 << Math.min(3, Long.numberOfTrailingZeros(linear)));
    }

    private void writeSlowly(int who, long linear, int size, long value) {
        if (crosses(linear, size)) {
            int first = PAGE - ((int) linear & PAGE - 1);
            long second = plus(linear, first);
            translate(who, linear, PageWalker.WRITE | PageWalker.PEEK);
            translate(who, second, PageWalker.WRITE | PageWalker.PEEK);
            writePiece(who, linear, first, value);
            writePiece(who, second, size - first, value >>> (first << 3));
            return;
        }
        long physical = translate(who, linear, PageWalker.WRITE);
        Slot s = slot;
        if (s == null || s.readOnly) {
            deviceWrite(physical, size, value);
        } else {
            s.store(physical - s.address, size, value);
            memory.written(s, physical - s.address, size);
        }
    }

    private long deviceRead(long physical, int size) {
        boolean inside = processor.leave();
        try {
            return outside.mmioRead(physical, size);
        } finally {
            if (inside) {
                processor.enter();
            }
        }
    }

    private void deviceWrite(long physical, int size, long value) {
        long masked = size == 8 ? value : value & (1L << (size << 3)) - 1;
        boolean inside = processor.leave();
        try {
            outside.mmioWrite(physical, size, masked);
        } finally {
            if (inside) {
                processor.enter();
            }
        }
    }

    // Atomic accesses

    /** Atomically replaces {@code expected} by {@code value}; faults as a write even if it does not. */
    public boolean compareAndSet(long linear, int size, long expected, long value) {
        if (crosses(linear, size)) {
            // Two pages, which need not be neighbours on the host.
            boolean[] done = new boolean[1];
            memory.coherence().exclusive(() -> done[0] = replace(linear, size, expected, value));
            return done[0];
        }
        int index = Tlb.index(context, linear);
        if (tlb.hits(index, Tlb.WRITE, linear, size)) {
            Slot s = tlb.slot(index);
            return s.compareAndSet(tlb.slotOffset(index, s, linear), size, expected, value);
        }
        long physical = translate(context, linear, PageWalker.WRITE);
        Slot s = slot;
        if (s == null || s.readOnly) {
            return replaceOnDevice(s, physical, size, expected, value);
        }
        boolean done = s.compareAndSet(physical - s.address, size, expected, value);
        memory.written(s, physical - s.address, size);
        return done;
    }

    /** The plain way, within an exclusive section. */
    private boolean replace(long linear, int size, long expected, long value) {
        probe(linear, size, true);
        long mask = size == 8 ? -1 : (1L << (size << 3)) - 1;
        long old = read(linear, size);
        boolean equal = old == (expected & mask);
        write(linear, size, equal ? value : old);
        return equal;
    }

    /** The same for 16 aligned bytes. */
    public boolean compareAndSet(long linear, long expectedLow, long expectedHigh, long low, long high) {
        int index = Tlb.index(context, linear);
        if (tlb.hits(index, Tlb.WRITE, linear, 16)) {
            Slot s = tlb.slot(index);
            return s.compareAndSet(tlb.slotOffset(index, s, linear), expectedLow, expectedHigh, low, high);
        }
        long physical = translate(context, linear, PageWalker.WRITE);
        Slot s = slot;
        if (s == null || s.readOnly) {
            long oldLow = read(linear, 8);
            long oldHigh = read(linear + 8, 8);
            boolean equal = oldLow == expectedLow && oldHigh == expectedHigh;
            deviceWrite(physical, 8, equal ? low : oldLow);
            deviceWrite(physical + 8, 8, equal ? high : oldHigh);
            return equal;
        }
        boolean done = s.compareAndSet(physical - s.address, expectedLow, expectedHigh, low, high);
        memory.written(s, physical - s.address, 16);
        return done;
    }

    private boolean replaceOnDevice(@Nullable Slot s, long physical, int size, long expected, long value) {
        long mask = size == 8 ? -1 : (1L << (size << 3)) - 1;
        long old = s == null ? deviceRead(physical, size) : s.load(physical - s.address, size);
        boolean equal = old == (expected & mask);
        deviceWrite(physical, size, equal ? value : old);
        return equal;
    }

    /**
     * Makes the TLB serve an access, if it can: for generated code. Raises what the access would raise; a page counts as
     * written.
     *
     * @return false when it cannot: a device, the end of a page, a page whose writes are watched
     */
    public boolean prepare(long linear, int size, boolean write) {
        if (crosses(linear, size)) {
            return false;
        }
        int tag = write ? Tlb.WRITE : Tlb.READ;
        int index = Tlb.index(context, linear);
        if (!tlb.hits(index, tag, linear, size)) {
            translate(context, linear, write ? PageWalker.WRITE : 0);
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
                translate(context, at, PageWalker.PEEK | (write ? PageWalker.WRITE : 0));
            }
            at = plus(at, n);
            left -= n;
        }
    }

    /** Copies up to 1024 bytes of guest memory; faults before it copies. */
    public void read(long linear, MemorySegment into) {
        int length = (int) into.byteSize();
        probe(linear, length, false);
        for (int done = 0; done < length; ) {
            long at = plus(linear, done);
            MemorySegment ram = ram(at, length - done, false);
            if (ram != null) {
                MemorySegment.copy(ram, 0, into, done, ram.byteSize());
                done += (int) ram.byteSize();
            } else {
                int size = pieceSize(at, length - done);
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
            long at = plus(linear, done);
            MemorySegment ram = ram(at, length - done, true);
            if (ram != null) {
                MemorySegment.copy(from, done, ram, 0, ram.byteSize());
                done += (int) ram.byteSize();
            } else {
                int size = pieceSize(at, length - done);
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
            long physical = translate(context, linear, write ? PageWalker.WRITE : 0);
            s = slot;
            if (s == null || write && s.readOnly) {
                return null;
            }
            offset = physical - s.address;
            if (write) {
                memory.written(s, offset, n);
                if (walker.slot(physical) != s) {
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
        return translate(context, linear, PageWalker.FETCH);
    }

    /**
     * Copies code bytes, at most to the end of their page.
     *
     * @return how many
     */
    public int fetch(long linear, byte[] into, int offset, int length) {
        int n = Math.min(length, PAGE - ((int) linear & PAGE - 1));
        long physical = physicalOfCode(linear);
        Slot s = walker.slot(physical);
        if (s != null) {
            MemorySegment.copy(s.host, ValueLayout.JAVA_BYTE, physical - s.address, into, offset, n);
            return n;
        }
        for (int i = 0; i < n; i++) {
            into[offset + i] = (byte) deviceRead(physical + i, 1);
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

    /** After a change of CPL, RFLAGS.AC, CR4.SMAP: selects the rights of the accesses that follow. */
    public void rightsChanged() {
        systemContext = (cpu.cr4 & Control.CR4_SMAP) != 0 ? Tlb.SUPERVISOR : Tlb.SUPERVISOR_ANY;
        context = cpu.cpl == 3 ? Tlb.USER : cpu.flag(Rflags.AC) ? Tlb.SUPERVISOR_ANY : systemContext;
    }
}
