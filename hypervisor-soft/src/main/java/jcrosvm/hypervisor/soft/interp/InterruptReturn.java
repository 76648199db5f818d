package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** IRET in every mode (SDM volume 2). */
final class InterruptReturn {
    private static final int RPL = 3;
    private static final int LOW_WORD = Rflags.ARITHMETIC | Rflags.TF | Rflags.DF | Rflags.NT;
    private static final int HIGH_WORD = Rflags.RF | Rflags.AC | Rflags.ID;
    private static final int VIRTUAL_INTERRUPT = Rflags.VIF | Rflags.VIP;

    private final Cpu cpu;
    private final Segmentation segmentation;
    private final Debugging debugging;
    private final TaskSwitch tasks;
    private final Mmu mmu;
    private final StackCursor stack;
    private final ReturnTarget target;

    InterruptReturn(Cpu cpu, Mmu mmu, Segmentation segmentation, Debugging debugging, TaskSwitch tasks) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.segmentation = segmentation;
        this.debugging = debugging;
        this.tasks = tasks;
        stack = new StackCursor(cpu, mmu);
        target = new ReturnTarget(cpu, segmentation);
    }

    /** Returns the new RIP. */
    long execute(int size, long next) {
        long rip;
        if (cpu.protectedMode()) {
            rip = inProtectedMode(size, next);
        } else {
            if (cpu.virtual8086() && (cpu.rflags() & Rflags.IOPL) != Rflags.IOPL) {
                throw cpu.gp(0);
            }
            rip = inRealMode(size);
        }
        cpu.nmiBlocked = false;
        cpu.unblocked();
        return rip;
    }

    private long inRealMode(int size) {
        long rip = stack.current().pop(size);
        int selector = (int) stack.pop(size) & 0xffff;
        long flags = stack.pop(size);
        if (rip > cpu.limit[Cpu.CS]) {
            throw cpu.gp(0);
        }
        long change = LOW_WORD | Rflags.IF | (size == 2 ? 0 : HIGH_WORD);
        if (!cpu.virtual8086()) {
            change |= Rflags.IOPL;
        }
        segmentation.real(Cpu.CS, selector);
        stack.commit();
        loadFlags(flags, change);
        cpu.modeChanged();
        return rip;
    }

    private long inProtectedMode(int size, long next) {
        if (cpu.flag(Rflags.NT)) {
            if (cpu.longMode()) {
                throw cpu.gp(0);
            }
            return tasks.leave(next);
        }
        long rip = stack.current().pop(size);
        int selector = (int) stack.pop(size) & 0xffff;
        long flags = stack.pop(size);
        if (size == 4 && (flags & Rflags.VM) != 0 && cpu.cpl == 0 && !cpu.longMode()) {
            return toVirtual8086(rip, selector, flags);
        }
        boolean outward = (selector & RPL) != cpu.cpl;
        long change = changeable(size);
        if (outward || cpu.codeSize() == 8) {
            long newPointer = stack.pop(size);
            int newStack = (int) stack.pop(size) & 0xffff;
            target.readCode(selector, rip);
            target.readStack(newStack, selector);
            target.load(selector, newStack, newPointer);
            if (outward) {
                segmentation.dropInner();
            }
        } else {
            target.readCode(selector, rip);
            segmentation.setCode(selector, target.code, cpu.cpl);
            stack.commit();
            cpu.modeChanged();
        }
        loadFlags(flags, change);
        return rip;
    }

    /** What the level before the return may change. */
    private long changeable(int size) {
        long change = LOW_WORD | (size == 2 ? 0 : HIGH_WORD);
        if (cpu.cpl <= (int) (cpu.rflags() & Rflags.IOPL) >> Rflags.IOPL_SHIFT) {
            change |= Rflags.IF;
        }
        if (cpu.cpl == 0) {
            change |= Rflags.IOPL | (size == 2 ? 0 : VIRTUAL_INTERRUPT);
        }
        return change;
    }

    private void loadFlags(long flags, long change) {
        long before = cpu.rflags();
        debugging.loadFlags(before & ~change | flags & change);
        if (((before ^ cpu.rflags()) & Rflags.AC) != 0) {
            mmu.rightsChanged();
        }
    }

    private long toVirtual8086(long rip, int selector, long flags) {
        long pointer = stack.pop(4);
        int ss = (int) stack.pop(4) & 0xffff;
        int es = (int) stack.pop(4) & 0xffff;
        int ds = (int) stack.pop(4) & 0xffff;
        int fs = (int) stack.pop(4) & 0xffff;
        int gs = (int) stack.pop(4) & 0xffff;
        long change = LOW_WORD | HIGH_WORD | Rflags.IF | Rflags.IOPL | VIRTUAL_INTERRUPT | Rflags.VM;
        debugging.loadFlags(cpu.rflags() & ~change | flags & change);
        segmentation.real(Cpu.CS, selector);
        segmentation.real(Cpu.SS, ss);
        segmentation.real(Cpu.ES, es);
        segmentation.real(Cpu.DS, ds);
        segmentation.real(Cpu.FS, fs);
        segmentation.real(Cpu.GS, gs);
        cpu.gpr(Cpu.RSP, pointer);
        segmentation.level(3);
        cpu.modeChanged();
        mmu.rightsChanged();
        return rip & 0xffff;
    }
}
