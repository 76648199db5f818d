package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Loads segment registers with the checks of the mode (SDM volume 3, 3.4.3 and 5.4 to 5.7). */
public final class Segmentation {
    private static final int TABLE_LDT = 4;
    private static final int INDEX = 0xfff8;
    private static final int RPL = 3;
    private static final int ERROR = 0xfffc;

    private static final int TYPE_BYTE = 5;
    private static final int BUSY = 2;

    private static final int REAL_DATA = Cpu.ATTR_P | Cpu.ATTR_S | Descriptor.WRITABLE | Descriptor.ACCESSED;
    private static final int VIRTUAL_8086 = REAL_DATA | 3 << Cpu.ATTR_DPL_SHIFT;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Descriptor loaded = new Descriptor();

    public Segmentation(Cpu cpu, Mmu mmu) {
        this.cpu = cpu;
        this.mmu = mmu;
    }

    /** A selector as an error code: without its RPL. */
    static int error(int selector) {
        return selector & ERROR;
    }

    static boolean isNull(int selector) {
        return (selector & ERROR) == 0;
    }

    /** Loads ES, SS, DS, FS or GS as an instruction does. */
    public void load(int segment, int selector) {
        if (!cpu.protectedMode()) {
            real(segment, selector);
        } else if (segment == Cpu.SS) {
            loadStack(selector);
        } else {
            loadData(segment, selector);
        }
    }

    private void loadStack(int selector) {
        if (isNull(selector)) {
            if (cpu.codeSize() != 8 || cpu.cpl == 3 || (selector & RPL) != cpu.cpl) {
                throw cpu.gp(0);
            }
            nullStack(selector);
            return;
        }
        stackDescriptor(loaded, selector, cpu.cpl, GuestException.GP, 0);
        markAccessed(loaded);
        set(Cpu.SS, selector, loaded);
        cpu.modeChanged();
    }

    /**
     * Reads and checks the descriptor of a stack for a privilege level.
     *
     * @param vector what its faults are, #GP or #TS, but for one that is not present: #SS
     * @param external bit 0 of the error codes
     */
    void stackDescriptor(Descriptor into, int selector, int level, int vector, int external) {
        int code = error(selector) | external;
        if (isNull(selector)) {
            throw cpu.fault(vector, external);
        }
        if (!read(selector, into) || (selector & RPL) != level || !into.writableData() || into.dpl() != level) {
            throw cpu.fault(vector, code);
        }
        if (!into.present()) {
            throw cpu.fault(GuestException.SS, code);
        }
    }

    private void loadData(int segment, int selector) {
        if (isNull(selector)) {
            nullify(segment, selector);
            return;
        }
        int code = error(selector);
        if (!read(selector, loaded) || !loaded.readable()) {
            throw cpu.gp(code);
        }
        if (!(loaded.code() && loaded.conforming()) && ((selector & RPL) > loaded.dpl() || cpu.cpl > loaded.dpl())) {
            throw cpu.gp(code);
        }
        if (!loaded.present()) {
            throw cpu.fault(GuestException.NP, code);
        }
        markAccessed(loaded);
        set(segment, selector, loaded);
    }

    /** As in real mode and virtual-8086 mode, where nothing is checked. */
    void real(int segment, int selector) {
        cpu.selector[segment] = selector;
        cpu.segmentBase(segment, (long) selector << 4);
        if (cpu.virtual8086()) {
            cpu.limit[segment] = 0xffff;
            cpu.attributes[segment] = VIRTUAL_8086;
        } else if ((cpu.attributes[segment] & Cpu.ATTR_UNUSABLE) != 0) {
            // Limit and size otherwise stay what they were in protected mode.
            cpu.limit[segment] = 0xffff;
            cpu.attributes[segment] = REAL_DATA;
        }
    }

    /** A null selector: every use faults, except in 64-bit mode. */
    void nullify(int segment, int selector) {
        cpu.selector[segment] = selector;
        cpu.segmentBase(segment, 0);
        cpu.limit[segment] = 0;
        cpu.attributes[segment] = Cpu.ATTR_UNUSABLE;
    }

    /** The null SS of 64-bit mode; its DPL is the CPL. */
    void nullStack(int selector) {
        nullify(Cpu.SS, selector);
        cpu.attributes[Cpu.SS] |= (selector & RPL) << Cpu.ATTR_DPL_SHIFT;
    }

    void set(int segment, int selector, Descriptor from) {
        cpu.selector[segment] = selector;
        cpu.segmentBase(segment, from.base());
        cpu.limit[segment] = from.limit();
        cpu.attributes[segment] = from.attributes();
    }

    /** Loads CS from a checked descriptor and enters its level; SS must follow where the level changes. */
    void setCode(int selector, Descriptor from, int level) {
        markAccessed(from);
        set(Cpu.CS, selector & ~RPL | level, from);
        level(level);
    }

    /** Changes CPL; the caller calls {@code modeChanged} when all is loaded. */
    void level(int level) {
        if (cpu.cpl != level) {
            cpu.cpl = level;
            mmu.rightsChanged();
        }
    }

    /** CS and SS as SYSCALL and its kin load them: flat, without descriptors. */
    void setFlat(int codeSelector, int stackSelector, int level, boolean code64) {
        int common = Cpu.ATTR_P | Cpu.ATTR_S | Cpu.ATTR_G | Descriptor.ACCESSED | level << Cpu.ATTR_DPL_SHIFT;
        cpu.selector[Cpu.CS] = codeSelector;
        cpu.segmentBase(Cpu.CS, 0);
        cpu.limit[Cpu.CS] = 0xffff_ffffL;
        cpu.attributes[Cpu.CS] = common | Descriptor.CODE | Descriptor.READABLE | (code64 ? Cpu.ATTR_L : Cpu.ATTR_DB);
        cpu.selector[Cpu.SS] = stackSelector;
        cpu.segmentBase(Cpu.SS, 0);
        cpu.limit[Cpu.SS] = 0xffff_ffffL;
        cpu.attributes[Cpu.SS] = common | Descriptor.WRITABLE | Cpu.ATTR_DB;
        level(level);
        cpu.modeChanged();
    }

    /** After a return to an outer level: what that level may not use becomes null. */
    void dropInner() {
        drop(Cpu.ES);
        drop(Cpu.DS);
        drop(Cpu.FS);
        drop(Cpu.GS);
    }

    private void drop(int segment) {
        int attributes = cpu.attributes[segment];
        boolean conforming =
                (attributes & (Descriptor.CODE | Descriptor.CONFORMING)) == (Descriptor.CODE | Descriptor.CONFORMING);
        if ((attributes & Cpu.ATTR_UNUSABLE) == 0 && !conforming && (attributes >>> Cpu.ATTR_DPL_SHIFT & 3) < cpu.cpl) {
            long base = cpu.segmentBase(segment);
            nullify(segment, 0);
            cpu.segmentBase(segment, base); // which 64-bit mode goes on to use
        }
    }

    /** Reads a descriptor of the GDT or LDT; false when the selector lies outside. */
    boolean read(int selector, Descriptor into) {
        long table;
        long limit;
        if ((selector & TABLE_LDT) == 0) {
            table = cpu.gdtBase;
            limit = cpu.gdtLimit;
        } else {
            if ((cpu.attributes[Cpu.LDTR] & Cpu.ATTR_UNUSABLE) != 0) {
                return false;
            }
            table = cpu.segmentBase(Cpu.LDTR);
            limit = cpu.limit[Cpu.LDTR];
        }
        int offset = selector & INDEX;
        if (offset + 7 > limit) {
            return false;
        }
        into.address = linear(table + offset);
        into.low = mmu.readSystem(into.address, 8);
        into.high = 0;
        return true;
    }

    /** Reads the second half of a 16-byte descriptor; false when it lies outside the table. */
    boolean readHigh(int selector, Descriptor into) {
        long limit = (selector & TABLE_LDT) == 0 ? cpu.gdtLimit : cpu.limit[Cpu.LDTR];
        if ((selector & INDEX) + 15 > limit) {
            return false;
        }
        into.high = mmu.readSystem(linear(into.address + 8), 8);
        return true;
    }

    long linear(long address) {
        return cpu.longMode() ? address : address & 0xffff_ffffL;
    }

    void markAccessed(Descriptor descriptor) {
        if ((descriptor.type() & Descriptor.ACCESSED) == 0) {
            orType(descriptor, Descriptor.ACCESSED);
        }
    }

    private void orType(Descriptor descriptor, int bits) {
        descriptor.low |= (long) bits << 40;
        mmu.writeSystem(descriptor.address + TYPE_BYTE, 1, descriptor.attributes() & 0xff);
    }

    void markBusy(Descriptor descriptor) {
        orType(descriptor, BUSY);
    }

    /** Clears the busy bit of the current task's descriptor. */
    void markCurrentAvailable() {
        long address = linear(cpu.gdtBase + (cpu.selector[Cpu.TR] & INDEX) + TYPE_BYTE);
        mmu.writeSystem(address, 1, mmu.readSystem(address, 1) & ~BUSY);
    }

    /** LLDT. */
    void loadLdt(int selector) {
        if (isNull(selector)) {
            nullify(Cpu.LDTR, selector);
            return;
        }
        system(selector);
        if (loaded.type() != Descriptor.LDT) {
            throw cpu.gp(error(selector));
        }
        finishSystem(selector);
        set(Cpu.LDTR, selector, loaded);
    }

    /** LTR. */
    void loadTask(int selector) {
        if (isNull(selector)) {
            throw cpu.gp(0);
        }
        system(selector);
        if (loaded.type() != Descriptor.TSS && (loaded.type() != Descriptor.TSS_16 || cpu.longMode())) {
            throw cpu.gp(error(selector));
        }
        finishSystem(selector);
        markBusy(loaded);
        set(Cpu.TR, selector, loaded);
    }

    private void system(int selector) {
        if ((selector & TABLE_LDT) != 0 || !read(selector, loaded) || !loaded.system()) {
            throw cpu.gp(error(selector));
        }
    }

    private void finishSystem(int selector) {
        int code = error(selector);
        if (!loaded.present()) {
            throw cpu.fault(GuestException.NP, code);
        }
        if (cpu.longMode() && (!readHigh(selector, loaded) || loaded.highType() != 0 || !Canonical.is(loaded.base()))) {
            throw cpu.gp(code);
        }
    }
}
