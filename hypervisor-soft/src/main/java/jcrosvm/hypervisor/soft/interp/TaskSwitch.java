package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Task switches by hardware between 32-bit tasks (SDM volume 3, 8.3). Not in long mode. */
final class TaskSwitch {
    /** What starts a switch. */
    enum Kind {
        JUMP,
        CALL,
        INTERRUPT,
        RETURN
    }

    private static final int LINK = 0;
    private static final int CR3 = 28;
    private static final int EIP = 32;
    private static final int EFLAGS = 36;
    private static final int REGISTERS = 40;
    private static final int SELECTORS = 72;
    private static final int LDT = 96;
    private static final int TRAP = 100;
    private static final int MINIMUM_LIMIT = 0x67;

    /** In the order of a TSS. */
    private static final int[] SEGMENTS = {Cpu.ES, Cpu.CS, Cpu.SS, Cpu.DS, Cpu.FS, Cpu.GS};

    private final Cpu cpu;
    private final Mmu mmu;
    private final Segmentation segmentation;
    private final Debugging debugging;
    private final Descriptor tss = new Descriptor();
    private final Descriptor segment = new Descriptor();
    private final int[] selectors = new int[SEGMENTS.length];

    TaskSwitch(Cpu cpu, Mmu mmu, Segmentation segmentation, Debugging debugging) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.segmentation = segmentation;
        this.debugging = debugging;
    }

    /** IRET of a nested task: back along the link. */
    long leave(long next) {
        int link = (int) mmu.readSystem(cpu.segmentBase(Cpu.TR) + LINK, 2);
        return enter(link, Kind.RETURN, next, 0);
    }

    /**
     * Switches to a task. A fault before it is complete is one of the old task, with its error code; later ones are
     * of the new task.
     *
     * @param next RIP to save for the old task
     * @param external bit 0 of the error codes
     * @return RIP of the new task
     */
    long enter(int selector, Kind kind, long next, int external) {
        checkTask(selector, kind, external);
        save(kind, next);
        long newBase = tss.base();
        if (kind == Kind.CALL || kind == Kind.INTERRUPT) {
            mmu.writeSystem(newBase + LINK, 2, cpu.selector[Cpu.TR]);
        }
        if (kind == Kind.JUMP || kind == Kind.RETURN) {
            segmentation.markCurrentAvailable();
        }
        if (kind != Kind.RETURN) {
            segmentation.markBusy(tss);
        }
        cpu.cr0 |= Control.CR0_TS;
        segmentation.set(Cpu.TR, selector, tss);
        return load(kind, external);
    }

    private void checkTask(int selector, Kind kind, int external) {
        boolean returning = kind == Kind.RETURN;
        int error = Segmentation.error(selector) | external;
        int vector = returning ? GuestException.TS : GuestException.GP;
        if ((selector & 4) != 0 || Segmentation.isNull(selector) || !segmentation.read(selector, tss)) {
            throw cpu.fault(vector, error);
        }
        int wanted = returning ? Descriptor.TSS_BUSY : Descriptor.TSS;
        if (tss.system() && tss.type() == wanted - 8) {
            throw new UnsupportedInstruction("a switch to a 16-bit task, selector %#x".formatted(selector));
        }
        if (!tss.system() || tss.type() != wanted) {
            throw cpu.fault(vector, error);
        }
        if (!tss.present()) {
            throw cpu.fault(GuestException.NP, error);
        }
        if (tss.limit() < MINIMUM_LIMIT) {
            throw cpu.fault(GuestException.TS, error);
        }
        if ((cpu.attributes[Cpu.TR] & 8) == 0) {
            throw new UnsupportedInstruction("a switch from a 16-bit task");
        }
        // Both must be there before anything changes.
        mmu.readSystem(tss.base(), 4);
        mmu.readSystem(tss.base() + LDT, 4);
    }

    private void save(Kind kind, long next) {
        long base = cpu.segmentBase(Cpu.TR);
        long flags = kind == Kind.RETURN ? cpu.rflags() & ~(long) Rflags.NT : cpu.rflags();
        mmu.writeSystem(base + EIP, 4, next);
        mmu.writeSystem(base + EFLAGS, 4, flags);
        for (int i = 0; i < 8; i++) {
            mmu.writeSystem(base + REGISTERS + 4L * i, 4, cpu.gpr(i));
        }
        for (int i = 0; i < SEGMENTS.length; i++) {
            mmu.writeSystem(base + SELECTORS + 4L * i, 2, cpu.selector[SEGMENTS[i]]);
        }
    }

    private long load(Kind kind, int external) {
        long base = tss.base();
        long rip = mmu.readSystem(base + EIP, 4);
        long flags = mmu.readSystem(base + EFLAGS, 4) | Rflags.FIXED;
        for (int i = 0; i < 8; i++) {
            cpu.gpr(i, mmu.readSystem(base + REGISTERS + 4L * i, 4));
        }
        for (int i = 0; i < SEGMENTS.length; i++) {
            selectors[i] = (int) mmu.readSystem(base + SELECTORS + 4L * i, 2);
        }
        int ldt = (int) mmu.readSystem(base + LDT, 2);
        boolean trap = (mmu.readSystem(base + TRAP, 2) & 1) != 0;
        if ((cpu.cr0 & Control.CR0_PG) != 0) {
            cpu.cr3 = mmu.readSystem(base + CR3, 4);
            mmu.flush(false);
        }
        if (kind == Kind.CALL || kind == Kind.INTERRUPT) {
            flags |= Rflags.NT;
        }
        cpu.rip(rip);
        debugging.loadFlags(flags);
        loadLdt(ldt, external);
        if ((flags & Rflags.VM) != 0) {
            for (int i = 0; i < SEGMENTS.length; i++) {
                segmentation.real(SEGMENTS[i], selectors[i]);
            }
            segmentation.level(3);
            cpu.modeChanged();
        } else {
            loadSegments(external);
        }
        mmu.rightsChanged();
        if (rip > cpu.limit[Cpu.CS]) {
            throw cpu.gp(external);
        }
        if (trap) {
            throw debugging.taskTrap();
        }
        return rip;
    }

    private void loadLdt(int selector, int external) {
        segmentation.nullify(Cpu.LDTR, selector);
        if (Segmentation.isNull(selector)) {
            return;
        }
        if ((selector & 4) != 0
                || !segmentation.read(selector, segment)
                || !segment.system()
                || segment.type() != Descriptor.LDT
                || !segment.present()) {
            throw cpu.fault(GuestException.TS, Segmentation.error(selector) | external);
        }
        segmentation.set(Cpu.LDTR, selector, segment);
    }

    private void loadSegments(int external) {
        for (int i = 0; i < SEGMENTS.length; i++) {
            segmentation.nullify(SEGMENTS[i], selectors[i]);
        }
        int code = selectors[1];
        int level = code & 3;
        int error = Segmentation.error(code) | external;
        segmentation.level(level);
        if (Segmentation.isNull(code)
                || !segmentation.read(code, segment)
                || !segment.code()
                || (segment.conforming() ? segment.dpl() > level : segment.dpl() != level)) {
            throw cpu.fault(GuestException.TS, error);
        }
        if (!segment.present()) {
            throw cpu.fault(GuestException.NP, error);
        }
        segmentation.setCode(code, segment, level);
        cpu.modeChanged();
        segmentation.stackDescriptor(segment, selectors[2], level, GuestException.TS, external);
        segmentation.markAccessed(segment);
        segmentation.set(Cpu.SS, selectors[2], segment);
        cpu.modeChanged();
        loadData(0, level, external);
        for (int i = 3; i < SEGMENTS.length; i++) {
            loadData(i, level, external);
        }
    }

    private void loadData(int i, int level, int external) {
        int selector = selectors[i];
        if (Segmentation.isNull(selector)) {
            return;
        }
        int error = Segmentation.error(selector) | external;
        if (!segmentation.read(selector, segment)
                || !segment.readable()
                || !(segment.code() && segment.conforming())
                        && (segment.dpl() < level || segment.dpl() < (selector & 3))) {
            throw cpu.fault(GuestException.TS, error);
        }
        if (!segment.present()) {
            throw cpu.fault(GuestException.NP, error);
        }
        segmentation.markAccessed(segment);
        segmentation.set(SEGMENTS[i], selector, segment);
    }
}
