package jcrosvm.hypervisor.soft.mmu;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import org.jspecify.annotations.Nullable;

/**
 * Walks the page tables of one processor (SDM volume 3, 4.3 to 4.8): no paging, 32-bit, PAE and 4-level paging.
 *
 * <p>PAE's four page-directory pointers are read at every walk, as AMD's processors do on demand, not at MOV to CR3: a
 * reserved bit in one is a page fault. Bit 8 is reserved in entries of the upper two levels that point to a table, as
 * on AMD. Nothing between the tables and the TLB is cached.
 *
 * <p>Accessed and dirty flags are set after all checks have passed, each with compare-and-set; when an entry changed
 * meanwhile the walk starts again. Tables in read-only memory keep their flags; tables outside memory read as ones.
 */
final class PageWalker {
    // Kinds of access: the bits of a page fault's error code, and two more.
    static final int PRESENT = 1;
    static final int WRITE = 1 << 1;
    static final int USER = 1 << 2;
    static final int RESERVED = 1 << 3;
    static final int FETCH = 1 << 4;
    /** Supervisor, kept from user pages by SMAP. */
    static final int SMAP = 1 << 8;
    /** Only asking: leaves accessed and dirty flags alone. */
    static final int PEEK = 1 << 9;

    // What a translation allows.
    static final int CAN_READ = 1;
    static final int CAN_WRITE = 2;
    static final int CAN_EXECUTE = 4;

    private static final long P = 1;
    private static final long RW = 1 << 1;
    private static final long US = 1 << 2;
    private static final long A = 1 << 5;
    private static final long D = 1 << 6;
    private static final long PS = 1 << 7;
    private static final long G = 1 << 8;
    private static final long NX = 1L << 63;
    private static final long ADDRESS = (1L << PhysicalMemory.ADDRESS_BITS) - 1 & -4096;
    /** Bits 51 to MAXPHYADDR. */
    private static final long TOO_HIGH = (1L << 52) - (1L << PhysicalMemory.ADDRESS_BITS);

    private final Cpu cpu;
    private final PhysicalMemory memory;

    // The slot of the last table, as long as the slots stay the same.
    private Slot[] slots = {};
    private @Nullable Slot last;

    // Entries used on the way down: where, what, how wide.
    private final long[] addresses = new long[4];
    private final long[] entries = new long[4];
    private int depth;
    private int entryBytes;

    // The result beside the physical address.
    private int rights;
    private int kind;
    private boolean dirty;

    PageWalker(Cpu cpu, PhysicalMemory memory) {
        this.cpu = cpu;
        this.memory = memory;
    }

    /** What the last translation allows to accesses of the same kind, in {@link #CAN_READ} and so on. */
    int rights() {
        return rights;
    }

    /** {@link Tlb#GLOBAL}, {@link Tlb#LARGE}, {@link Tlb#HUGE}. */
    int kind() {
        return kind;
    }

    /** Whether the page's dirty flag is set: if not, the first write must walk. */
    boolean dirty() {
        return dirty;
    }

    /**
     * Physical address behind a linear one.
     *
     * @throws GuestException #PF, or #GP for an address that is not canonical
     */
    long walk(long linear, int access) {
        if ((cpu.cr0 & Control.CR0_PG) == 0) {
            rights = CAN_READ | CAN_WRITE | CAN_EXECUTE;
            kind = 0;
            dirty = true;
            return linear & 0xffff_ffffL;
        }
        while (true) {
            depth = 0;
            long physical;
            if (cpu.longMode()) {
                if (linear << 16 >> 16 != linear) {
                    throw cpu.gp(0);
                }
                physical = walk64(linear, cpu.cr3 & ADDRESS, 39, 0, access);
            } else if ((cpu.cr4 & Control.CR4_PAE) != 0) {
                physical = walkPae(linear & 0xffff_ffffL, access);
            } else {
                physical = walk32(linear & 0xffff_ffffL, access);
            }
            if ((access & PEEK) != 0 || mark((access & WRITE) != 0)) {
                return physical;
            }
        }
    }

    private long walkPae(long linear, int access) {
        long at = (cpu.cr3 & 0xffff_ffe0L) + (linear >>> 30 << 3);
        long pointer = read(at, 8);
        if ((pointer & P) == 0) {
            throw fault(linear, access, 0);
        }
        if ((pointer & (TOO_HIGH | 0xfff0_0000_0000_01e6L)) != 0) {
            throw fault(linear, access, PRESENT | RESERVED);
        }
        // Bits 62 to 52 are reserved in the legacy mode only.
        return walk64(linear, pointer & ADDRESS, 21, 0x7ff0_0000_0000_0000L, access);
    }

    /** Entries of 8 bytes, from the level on whose entries map {@code 1 << top} bytes. */
    private long walk64(long linear, long top, int topShift, long alwaysReserved, int access) {
        long reserved = alwaysReserved | TOO_HIGH | ((cpu.efer & Control.EFER_NXE) == 0 ? NX : 0);
        entryBytes = 8;
        long both = RW | US;
        long either = 0;
        long table = top;
        int shift = topShift;
        while (true) {
            long at = table + ((linear >>> shift & 511) << 3);
            long entry = read(at, 8);
            if ((entry & P) == 0) {
                throw fault(linear, access, 0);
            }
            boolean leaf = shift == 12 || shift <= 30 && (entry & PS) != 0;
            long forbidden = reserved;
            if (!leaf && shift >= 30) {
                forbidden |= shift == 39 ? PS | G : G;
            } else if (leaf && shift > 12) {
                forbidden |= (1L << shift) - (1 << 13);
            }
            if ((entry & forbidden) != 0) {
                throw fault(linear, access, PRESENT | RESERVED);
            }
            addresses[depth] = at;
            entries[depth++] = entry;
            both &= entry;
            either |= entry;
            if (leaf) {
                check(linear, access, both, (either & NX) != 0);
                kind |= shift == 30 ? Tlb.HUGE : shift > 12 ? Tlb.LARGE : 0;
                long inside = (1L << shift) - 1;
                return entry & ADDRESS & ~inside | linear & inside;
            }
            table = entry & ADDRESS;
            shift -= 9;
        }
    }

    private long walk32(long linear, int access) {
        entryBytes = 4;
        long at = (cpu.cr3 & 0xffff_f000L) + (linear >>> 22 << 2);
        long directory = read(at, 4);
        if ((directory & P) == 0) {
            throw fault(linear, access, 0);
        }
        addresses[0] = at;
        entries[0] = directory;
        depth = 1;
        if ((directory & PS) != 0 && (cpu.cr4 & Control.CR4_PSE) != 0) {
            if ((directory & 1 << 21) != 0) {
                throw fault(linear, access, PRESENT | RESERVED);
            }
            check(linear, access, directory, false);
            kind |= Tlb.LARGE;
            // PSE-36: bits 20 to 13 are address bits 39 to 32.
            return directory & 0xffc0_0000L | (directory >>> 13 & 0xff) << 32 | linear & 0x3f_ffff;
        }
        at = (directory & 0xffff_f000L) + ((linear >>> 12 & 1023) << 2);
        long entry = read(at, 4);
        if ((entry & P) == 0) {
            throw fault(linear, access, 0);
        }
        addresses[1] = at;
        entries[1] = entry;
        depth = 2;
        check(linear, access, directory & entry, false);
        return entry & 0xffff_f000L | linear & 0xfff;
    }

    /** Sets the result's rights and kind, from the flags that all entries agree on; faults if they do not suffice. */
    private void check(long linear, int access, long flags, boolean noExecute) {
        boolean userPage = (flags & US) != 0;
        boolean writable = (flags & RW) != 0;
        int can = 0;
        if ((access & USER) != 0) {
            if (userPage) {
                can = CAN_READ | (writable ? CAN_WRITE : 0) | CAN_EXECUTE;
            }
        } else {
            boolean write = writable || (cpu.cr0 & Control.CR0_WP) == 0;
            if (!userPage || (access & SMAP) == 0) {
                can = CAN_READ | (write ? CAN_WRITE : 0);
            }
            if (!userPage || (cpu.cr4 & Control.CR4_SMEP) == 0) {
                can |= CAN_EXECUTE;
            }
        }
        if (noExecute) {
            can &= ~CAN_EXECUTE;
        }
        int needed = (access & FETCH) != 0 ? CAN_EXECUTE : (access & WRITE) != 0 ? CAN_WRITE : CAN_READ;
        if ((can & needed) == 0) {
            throw fault(linear, access, PRESENT);
        }
        rights = can;
        long leaf = entries[depth - 1];
        kind = (leaf & G) != 0 && (cpu.cr4 & Control.CR4_PGE) != 0 ? Tlb.GLOBAL : 0;
        dirty = (leaf & D) != 0;
    }

    /** Sets the accessed flags and, for a write, the dirty flag. False if an entry is not what was read. */
    private boolean mark(boolean write) {
        for (int i = 0; i < depth; i++) {
            boolean leaf = i == depth - 1;
            long old = entries[i];
            long marked = old | A | (leaf && write ? D : 0);
            if (marked == old) {
                continue;
            }
            Slot slot = slot(addresses[i]);
            if (slot == null || slot.readOnly) {
                continue;
            }
            long offset = addresses[i] - slot.address;
            if (!slot.compareAndSet(offset, entryBytes, old, marked)) {
                return false;
            }
            memory.written(slot, offset, entryBytes);
        }
        dirty |= write;
        return true;
    }

    private GuestException fault(long linear, int access, int code) {
        boolean fetchShown = (cpu.cr4 & Control.CR4_SMEP) != 0
                || (cpu.cr4 & Control.CR4_PAE) != 0 && (cpu.efer & Control.EFER_NXE) != 0;
        int shown = WRITE | USER | (fetchShown ? FETCH : 0);
        return cpu.pageFault(linear, code | access & shown);
    }

    private long read(long physical, int bytes) {
        Slot slot = slot(physical);
        return slot == null ? bytes == 4 ? 0xffff_ffffL : -1 : slot.load(physical - slot.address, bytes);
    }

    /** The slot at a physical address. */
    @SuppressWarnings("ReferenceEquality") // the same array means that nothing changed
    @Nullable
    Slot slot(long physical) {
        Slot[] now = memory.slots();
        Slot s = last;
        if (now == slots && s != null && s.contains(physical)) {
            return s;
        }
        slots = now;
        last = memory.find(physical);
        return last;
    }
}
