package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;

/** The code and stack segments that RET far and IRET go back to, with the checks that both share. */
final class ReturnTarget {
    private static final int RPL = 3;

    private final Cpu cpu;
    private final Segmentation segmentation;
    final Descriptor code = new Descriptor();
    private final Descriptor stack = new Descriptor();

    ReturnTarget(Cpu cpu, Segmentation segmentation) {
        this.cpu = cpu;
        this.segmentation = segmentation;
    }

    /**
     * Reads and checks the code segment, whose RPL is the level to return to, and the offset in it: after everything was
     * popped and before the stack segment is looked at, as AMD's processors do.
     */
    void readCode(int selector, long offset) {
        int error = Segmentation.error(selector);
        if (error == 0) {
            throw cpu.gp(0);
        }
        int level = selector & RPL;
        if (!segmentation.read(selector, code)
                || !code.code()
                || level < cpu.cpl
                || cpu.longMode() && code.code64() && code.big()
                || (code.conforming() ? code.dpl() > level : code.dpl() != level)) {
            throw cpu.gp(error);
        }
        if (!code.present()) {
            throw cpu.fault(GuestException.NP, error);
        }
        FarTransfers.checkOffset(cpu, code, offset, 0);
    }

    /** Whether the code is of 64-bit mode. */
    boolean wide() {
        return cpu.longMode() && code.code64();
    }

    void readStack(int selector, int codeSelector) {
        int level = codeSelector & RPL;
        if (!Segmentation.isNull(selector)) {
            segmentation.stackDescriptor(stack, selector, level, GuestException.GP, 0);
        } else if (!wide() || level == 3 || (selector & RPL) != level) {
            throw cpu.gp(0);
        }
    }

    /** Loads CS, SS and rSP. */
    void load(int codeSelector, int stackSelector, long pointer) {
        int level = codeSelector & RPL;
        if (Segmentation.isNull(stackSelector)) {
            segmentation.setCode(codeSelector, code, level);
            segmentation.nullStack(stackSelector);
        } else {
            segmentation.markAccessed(stack);
            segmentation.setCode(codeSelector, code, level);
            segmentation.set(Cpu.SS, stackSelector, stack);
        }
        cpu.modeChanged();
        StackCursor.set(cpu, cpu.stackSize(), pointer);
    }
}
