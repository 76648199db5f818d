package jcrosvm.hypervisor.soft.mmu;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import org.jspecify.annotations.Nullable;

/** What happens when the TLB misses: look among what it replaced last, walk, fill. Of one processor. */
final class Translation {
    static final int PAGE = 4096;

    private final Cpu cpu;
    private final Tlb tlb;
    private final PageWalker walker;
    private @Nullable Slot slot;

    Translation(Cpu cpu, PhysicalMemory memory, Tlb tlb) {
        this.cpu = cpu;
        this.tlb = tlb;
        walker = new PageWalker(cpu, memory);
    }

    /** Where the last translation leads: null for devices. */
    @Nullable
    Slot slot() {
        return slot;
    }

    /** The slot at a physical address now. */
    @Nullable
    Slot slotAt(long physical) {
        return walker.slot(physical);
    }

    /** Physical address for an access of {@link PageWalker}'s kinds within a page; sets {@link #slot}, fills the TLB. */
    long translate(int who, long linear, int kind) {
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

    /** Physical address for a look of the supervisor, which neither fills the TLB nor uses it. */
    long look(long linear) {
        return walker.walk(linear, PageWalker.PEEK);
    }

    static boolean crosses(long linear, int size) {
        return ((int) linear & PAGE - 1) + size > PAGE;
    }

    /** An address behind another: wraps at 4 GiB outside long mode. */
    long plus(long linear, int n) {
        return cpu.longMode() ? linear + n : linear + n & 0xffff_ffffL;
    }
}
