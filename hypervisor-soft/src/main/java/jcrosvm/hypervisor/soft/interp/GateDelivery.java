package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Delivery through the gates of the IDT: protected mode, virtual-8086 mode and long mode (SDM volume 3, 7.12, 7.14). */
final class GateDelivery {
    /** Error codes: the index is one of the IDT. */
    private static final int IDT = 2;

    private static final int STACK_ALIGNMENT = 16;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Segmentation segmentation;
    private final Debugging debugging;
    private final TaskState taskState;
    private final TaskSwitch tasks;
    private final StackCursor stack;
    private final Descriptor gate = new Descriptor();
    private final Descriptor code = new Descriptor();
    private final Descriptor stackSegment = new Descriptor();

    GateDelivery(
            Cpu cpu, Mmu mmu, Segmentation segmentation, Debugging debugging, TaskState taskState, TaskSwitch tasks) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.segmentation = segmentation;
        this.debugging = debugging;
        this.taskState = taskState;
        this.tasks = tasks;
        stack = new StackCursor(cpu, mmu);
    }

    /**
     * Enters a handler.
     *
     * @param error to push, or {@link GuestException#NO_ERROR_CODE}
     * @param rip to push
     * @param flags to push
     * @param software by an instruction, which the gate's DPL must allow
     * @param external bit 0 of the error codes of faults on the way
     */
    void deliver(int vector, int error, long rip, long flags, boolean software, int external) {
        readGate(vector, software, external);
        if (gate.type() == Descriptor.TASK_GATE) {
            throughTask(error, rip, external);
            return;
        }
        int selector = gate.gateSelector();
        int level = readCode(selector, external);
        boolean trap = gate.type() == Descriptor.TRAP_GATE || gate.type() == Descriptor.TRAP_GATE_16;
        long target;
        if (cpu.longMode()) {
            target = inLongMode(selector, level, error, rip, flags, external);
        } else {
            target = inLegacyMode(selector, level, error, rip, flags, external);
        }
        long clear = Rflags.TF | Rflags.NT | Rflags.RF | Rflags.VM | (trap ? 0 : Rflags.IF);
        debugging.loadFlags(cpu.rflags() & ~clear);
        cpu.rip(target);
        cpu.modeChanged();
    }

    private void readGate(int vector, boolean software, int external) {
        int code8 = vector << 3 | IDT | external;
        int size = cpu.longMode() ? 16 : 8;
        if (vector * size + size - 1 > cpu.idtLimit) {
            throw cpu.gp(code8);
        }
        long address = segmentation.linear(cpu.idtBase + (long) vector * size);
        gate.low = mmu.readSystem(address, 8);
        gate.high = cpu.longMode() ? mmu.readSystem(address + 8, 8) : 0;
        int type = gate.type();
        boolean valid = type == Descriptor.INTERRUPT_GATE
                || type == Descriptor.TRAP_GATE
                || !cpu.longMode()
                        && (type == Descriptor.TASK_GATE
                                || type == Descriptor.INTERRUPT_GATE_16
                                || type == Descriptor.TRAP_GATE_16);
        if (!valid || !gate.system() || software && gate.dpl() < cpu.cpl) {
            throw cpu.gp(code8);
        }
        if (!gate.present()) {
            throw cpu.fault(GuestException.NP, code8);
        }
    }

    private void throughTask(int error, long rip, int external) {
        cpu.rip(tasks.enter(gate.gateSelector(), TaskSwitch.Kind.INTERRUPT, rip, external));
        if (error != GuestException.NO_ERROR_CODE) {
            stack.current().push((cpu.attributes[Cpu.TR] & 8) != 0 ? 4 : 2, error);
            stack.commit();
        }
    }

    /** Returns the level of the handler. */
    private int readCode(int selector, int external) {
        int error = Segmentation.error(selector) | external;
        if (Segmentation.isNull(selector)) {
            throw cpu.gp(external);
        }
        if (!segmentation.read(selector, code)
                || !code.code()
                || code.dpl() > cpu.cpl
                || cpu.longMode() && (!code.code64() || code.big())) {
            throw cpu.gp(error);
        }
        if (!code.present()) {
            throw cpu.fault(GuestException.NP, error);
        }
        int level = code.conforming() ? cpu.cpl : code.dpl();
        if (cpu.virtual8086() && level != 0) {
            throw cpu.gp(error);
        }
        return level;
    }

    private long inLongMode(int selector, int level, int error, long rip, long flags, int external) {
        long target = gate.gateOffset();
        boolean inward = level != cpu.cpl;
        long pointer = cpu.gpr(Cpu.RSP);
        if (gate.interruptStack() != 0) {
            pointer = taskState.interruptStack(gate.interruptStack(), external);
        } else if (inward) {
            pointer = taskState.innerPointer(level, external);
        }
        if (!Canonical.is(target)) {
            throw cpu.gp(external);
        }
        boolean newStack = inward || gate.interruptStack() != 0;
        stack.flat(pointer & -STACK_ALIGNMENT, level != 3, newStack ? external : 0);
        stack.push(8, cpu.selector[Cpu.SS]);
        stack.push(8, cpu.gpr(Cpu.RSP));
        stack.push(8, flags);
        stack.push(8, cpu.selector[Cpu.CS]);
        stack.push(8, rip);
        if (error != GuestException.NO_ERROR_CODE) {
            stack.push(8, error);
        }
        segmentation.setCode(selector, code, level);
        if (inward) {
            segmentation.nullStack(level);
        }
        stack.commit();
        return target;
    }

    private long inLegacyMode(int selector, int level, int error, long rip, long flags, int external) {
        int size = (gate.type() & 8) != 0 ? 4 : 2;
        long target = size == 4 ? gate.gateOffset() : gate.gateOffset() & 0xffff;
        boolean virtual = cpu.virtual8086();
        boolean inward = level != cpu.cpl;
        if (inward) {
            taskState.innerStack(level, external);
            segmentation.stackDescriptor(stackSegment, taskState.stackSelector, level, GuestException.TS, external);
            stack.inner(stackSegment, taskState.stackPointer, Segmentation.error(taskState.stackSelector) | external);
            FarTransfers.checkOffset(cpu, code, target, external);
            if (virtual) {
                stack.push(size, cpu.selector[Cpu.GS]);
                stack.push(size, cpu.selector[Cpu.FS]);
                stack.push(size, cpu.selector[Cpu.DS]);
                stack.push(size, cpu.selector[Cpu.ES]);
            }
            stack.push(size, cpu.selector[Cpu.SS]);
            stack.push(size, cpu.gpr(Cpu.RSP));
        } else {
            stack.current();
            FarTransfers.checkOffset(cpu, code, target, external);
        }
        stack.push(size, flags);
        stack.push(size, cpu.selector[Cpu.CS]);
        stack.push(size, rip);
        if (error != GuestException.NO_ERROR_CODE) {
            stack.push(size, error);
        }
        if (inward) {
            segmentation.markAccessed(stackSegment);
            segmentation.setCode(selector, code, level);
            segmentation.set(Cpu.SS, taskState.stackSelector, stackSegment);
        } else {
            segmentation.setCode(selector, code, level);
        }
        if (virtual) {
            segmentation.nullify(Cpu.GS, 0);
            segmentation.nullify(Cpu.FS, 0);
            segmentation.nullify(Cpu.DS, 0);
            segmentation.nullify(Cpu.ES, 0);
        }
        stack.commit();
        return target;
    }
}
