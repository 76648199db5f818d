package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** JMP, CALL and RET to another code segment (SDM volume 2, and volume 3, 5.8). Each method returns the new RIP. */
final class FarTransfers {
    private static final int RPL = 3;

    private final Cpu cpu;
    private final Segmentation segmentation;
    private final TaskState taskState;
    private final TaskSwitch tasks;
    private final StackCursor stack;
    private final StackCursor old;
    private final ReturnTarget target;
    private final Descriptor first = new Descriptor();
    private final Descriptor behindGate = new Descriptor();
    private final Descriptor stackSegment = new Descriptor();

    FarTransfers(Cpu cpu, Mmu mmu, Segmentation segmentation, TaskState taskState, TaskSwitch tasks) {
        this.cpu = cpu;
        this.segmentation = segmentation;
        this.taskState = taskState;
        this.tasks = tasks;
        stack = new StackCursor(cpu, mmu);
        old = new StackCursor(cpu, mmu);
        target = new ReturnTarget(cpu, segmentation);
    }

    long jump(int selector, long offset, long next) {
        if (!cpu.protectedMode()) {
            checkReal(offset);
            segmentation.real(Cpu.CS, selector);
            return offset;
        }
        readTarget(selector);
        if (first.system()) {
            return through(selector, false, next);
        }
        direct(selector);
        checkOffset(cpu, first, offset, 0);
        segmentation.setCode(selector, first, cpu.cpl);
        cpu.modeChanged();
        return offset;
    }

    long call(int selector, long offset, int size, long next) {
        if (!cpu.protectedMode()) {
            stack.current().push(size, cpu.selector[Cpu.CS]);
            stack.push(size, next);
            checkReal(offset);
            segmentation.real(Cpu.CS, selector);
            stack.commit();
            return offset;
        }
        readTarget(selector);
        if (first.system()) {
            return through(selector, true, next);
        }
        direct(selector);
        stack.current().push(size, cpu.selector[Cpu.CS]);
        stack.push(size, next);
        checkOffset(cpu, first, offset, 0);
        segmentation.setCode(selector, first, cpu.cpl);
        stack.commit();
        cpu.modeChanged();
        return offset;
    }

    private void checkReal(long offset) {
        if (offset > cpu.limit[Cpu.CS]) {
            throw cpu.gp(0);
        }
    }

    /** Faults unless the offset, of which only 64-bit code sees the upper half, lies in a code segment. */
    static void checkOffset(Cpu cpu, Descriptor code, long offset, int errorCode) {
        boolean wide = cpu.longMode() && code.code64();
        if (wide ? !Canonical.is(offset) : (offset & 0xffff_ffffL) > code.limit()) {
            throw cpu.gp(errorCode);
        }
    }

    private void readTarget(int selector) {
        if (Segmentation.isNull(selector)) {
            throw cpu.gp(0);
        }
        if (!segmentation.read(selector, first)) {
            throw cpu.gp(Segmentation.error(selector));
        }
    }

    private void direct(int selector) {
        boolean allowed =
                first.conforming() ? first.dpl() <= cpu.cpl : (selector & RPL) <= cpu.cpl && first.dpl() == cpu.cpl;
        if (!first.code() || !allowed || cpu.longMode() && first.code64() && first.big()) {
            throw cpu.gp(Segmentation.error(selector));
        }
        checkPresent(first, selector);
    }

    private void checkPresent(Descriptor descriptor, int selector) {
        if (!descriptor.present()) {
            throw cpu.fault(GuestException.NP, Segmentation.error(selector));
        }
    }

    /** Through a call gate, task gate or TSS. */
    private long through(int selector, boolean call, long next) {
        int error = Segmentation.error(selector);
        int type = first.type();
        boolean callGate = type == Descriptor.CALL_GATE || type == Descriptor.CALL_GATE_16 && !cpu.longMode();
        boolean task = !cpu.longMode()
                && (type == Descriptor.TASK_GATE || type == Descriptor.TSS || type == Descriptor.TSS_16);
        if (!callGate && !task || first.dpl() < cpu.cpl || (selector & RPL) > first.dpl()) {
            throw cpu.gp(error);
        }
        if (cpu.longMode() && (!segmentation.readHigh(selector, first) || first.highType() != 0)) {
            throw cpu.gp(error);
        }
        checkPresent(first, selector);
        if (task) {
            int tss = type == Descriptor.TASK_GATE ? first.gateSelector() : selector;
            return tasks.enter(tss, call ? TaskSwitch.Kind.CALL : TaskSwitch.Kind.JUMP, next, 0);
        }
        return throughCallGate(call, next);
    }

    private long throughCallGate(boolean call, long next) {
        int selector = first.gateSelector();
        int error = Segmentation.error(selector);
        if (error == 0) {
            throw cpu.gp(0);
        }
        Descriptor code = behindGate;
        if (!segmentation.read(selector, code) || !code.code() || code.dpl() > cpu.cpl) {
            throw cpu.gp(error);
        }
        boolean stays = code.conforming() || code.dpl() == cpu.cpl;
        if (!call && !stays || cpu.longMode() && (!code.code64() || code.big())) {
            throw cpu.gp(error);
        }
        checkPresent(code, selector);
        int size = cpu.longMode() ? 8 : first.type() == Descriptor.CALL_GATE ? 4 : 2;
        long offset = size == 2 ? first.gateOffset() & 0xffff : first.gateOffset();
        if (!call) {
            checkOffset(cpu, code, offset, 0);
            segmentation.setCode(selector, code, cpu.cpl);
            cpu.modeChanged();
        } else if (stays) {
            stack.current().push(size, cpu.selector[Cpu.CS]);
            stack.push(size, next);
            checkOffset(cpu, code, offset, 0);
            segmentation.setCode(selector, code, cpu.cpl);
            stack.commit();
            cpu.modeChanged();
        } else {
            inward(selector, code, size, offset, next);
        }
        return offset;
    }

    private void inward(int selector, Descriptor code, int size, long offset, long next) {
        int level = code.dpl();
        int newStack = level;
        if (cpu.longMode()) {
            stack.flat(taskState.innerPointer(level, 0), true, 0);
            checkOffset(cpu, code, offset, 0);
            stack.push(size, cpu.selector[Cpu.SS]);
            stack.push(size, cpu.gpr(Cpu.RSP));
        } else {
            taskState.innerStack(level, 0);
            newStack = taskState.stackSelector;
            segmentation.stackDescriptor(stackSegment, newStack, level, GuestException.TS, 0);
            stack.inner(stackSegment, taskState.stackPointer, Segmentation.error(newStack));
            checkOffset(cpu, code, offset, 0);
            stack.push(size, cpu.selector[Cpu.SS]);
            stack.push(size, cpu.gpr(Cpu.RSP));
            old.current();
            for (int i = first.parameters(); i-- > 0; ) {
                stack.push(size, old.peek((long) i * size, size));
            }
        }
        stack.push(size, cpu.selector[Cpu.CS]);
        stack.push(size, next);
        if (cpu.longMode()) {
            segmentation.setCode(selector, code, level);
            segmentation.nullStack(level);
        } else {
            segmentation.markAccessed(stackSegment);
            segmentation.setCode(selector, code, level);
            segmentation.set(Cpu.SS, newStack, stackSegment);
        }
        stack.commit();
        cpu.modeChanged();
    }

    /**
     * RET far.
     *
     * @param release bytes of parameters to drop
     */
    long returnFar(int size, int release) {
        long offset = stack.current().pop(size);
        int selector = (int) stack.pop(size) & 0xffff;
        if (!cpu.protectedMode()) {
            checkReal(offset);
            segmentation.real(Cpu.CS, selector);
            stack.skip(release);
            stack.commit();
            return offset;
        }
        stack.skip(release);
        if ((selector & RPL) == cpu.cpl) {
            target.readCode(selector, offset);
            segmentation.setCode(selector, target.code, cpu.cpl);
            stack.commit();
            cpu.modeChanged();
            return offset;
        }
        long newPointer = stack.pop(size);
        int newStack = (int) stack.pop(size) & 0xffff;
        target.readCode(selector, offset);
        target.readStack(newStack, selector);
        target.load(selector, newStack, newPointer + release);
        segmentation.dropInner();
        return offset;
    }
}
