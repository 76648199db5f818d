package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** What control transfers read from the current task state segment: stacks of inner levels (SDM volume 3, 8.2, 8.7). */
final class TaskState {
    private static final int RSP_0 = 4;
    private static final int IST_1 = 36;

    private final Cpu cpu;
    private final Mmu mmu;

    /** Found by {@link #innerStack}. */
    int stackSelector;

    long stackPointer;

    TaskState(Cpu cpu, Mmu mmu) {
        this.cpu = cpu;
        this.mmu = mmu;
    }

    /** Outside long mode: SS:ESP of a level. {@code external} is bit 0 of the error code. */
    void innerStack(int level, int external) {
        boolean wide = (cpu.attributes[Cpu.TR] & 8) != 0;
        int offset = wide ? RSP_0 + 8 * level : 2 + 4 * level;
        check(offset, wide ? 6 : 4, external);
        long linear = cpu.segmentBase(Cpu.TR) + offset & 0xffff_ffffL;
        stackPointer = mmu.readSystem(linear, wide ? 4 : 2);
        stackSelector = (int) mmu.readSystem(linear + (wide ? 4 : 2), 2);
    }

    /** In long mode: RSP of a level. */
    long innerPointer(int level, int external) {
        return pointer(RSP_0 + 8 * level, external);
    }

    /** Of the interrupt stack table, from 1 on. */
    long interruptStack(int number, int external) {
        return pointer(IST_1 + 8 * (number - 1), external);
    }

    private long pointer(int offset, int external) {
        check(offset, 8, external);
        long pointer = mmu.readSystem(cpu.segmentBase(Cpu.TR) + offset, 8);
        if (!Canonical.is(pointer)) {
            throw cpu.fault(GuestException.SS, external);
        }
        return pointer;
    }

    private void check(int offset, int size, int external) {
        if (offset + size - 1 > cpu.limit[Cpu.TR]) {
            throw cpu.fault(GuestException.TS, Segmentation.error(cpu.selector[Cpu.TR]) | external);
        }
    }
}
