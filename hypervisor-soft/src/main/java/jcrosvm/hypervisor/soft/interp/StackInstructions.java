package jcrosvm.hypervisor.soft.interp;

import static jcrosvm.hypervisor.soft.cpu.Rflags.ARITHMETIC;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** PUSH, POP and their kin, ENTER and LEAVE. */
final class StackInstructions {
    /** What POPF may change at any privilege. */
    private static final long POPF_ALWAYS = ARITHMETIC | Rflags.TF | Rflags.DF | Rflags.NT | Rflags.AC | Rflags.ID;

    private static final int REGISTERS = 8;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Operands operands;
    private final Addressing addressing;
    private final Stack stack;
    private final Debugging debugging;
    private final long[] values = new long[REGISTERS];

    StackInstructions(Cpu cpu, Mmu mmu, Operands operands, Addressing addressing, Stack stack, Debugging debugging) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.operands = operands;
        this.addressing = addressing;
        this.stack = stack;
        this.debugging = debugging;
    }

    void push(Insn insn, long linear) {
        stack.push(insn.operandSize, operands.read(insn, 0, linear));
    }

    /** A memory operand's address is computed with rSP already incremented. */
    void pop(Insn insn) {
        int size = insn.operandSize;
        long rsp = cpu.gpr(Cpu.RSP);
        long value = stack.read(rsp, size);
        stack.pointer(rsp + size);
        if (insn.kind[0] != OperandKind.MEMORY) {
            operands.register(insn.register[0], size, value);
            return;
        }
        boolean done = false;
        try {
            mmu.write(addressing.linear(insn), size, value);
            done = true;
        } finally {
            if (!done) {
                cpu.gpr(Cpu.RSP, rsp);
            }
        }
    }

    void execute(Insn insn) {
        switch (insn.op) {
            case PUSHA -> pusha(insn.operandSize);
            case POPA -> popa(insn.operandSize);
            case PUSHF -> pushf(insn.operandSize);
            case POPF -> popf(insn.operandSize);
            case ENTER -> enter(insn.operandSize, (int) insn.imm & 0xffff, (int) insn.imm2 & 31);
            case LEAVE -> {
                int size = insn.operandSize;
                long rbp = cpu.gpr(Cpu.RBP);
                long value = stack.read(rbp, size);
                stack.pointer(rbp + size);
                operands.register(Cpu.RBP, size, value);
            }
            default -> throw new IllegalArgumentException(insn.op.name());
        }
    }

    private void pusha(int size) {
        long sp = stack.pointer();
        for (int i = 0; i < REGISTERS; i++) {
            stack.probe(sp - (long) (i + 1) * size, size);
        }
        for (int i = 0; i < REGISTERS; i++) {
            stack.write(sp - (long) (i + 1) * size, size, cpu.gpr(i));
        }
        stack.pointer(sp - (long) REGISTERS * size);
    }

    private void popa(int size) {
        long sp = stack.pointer();
        for (int i = 0; i < REGISTERS; i++) {
            values[i] = stack.read(sp + (long) i * size, size);
        }
        stack.pointer(sp + (long) REGISTERS * size);
        for (int i = 0; i < REGISTERS; i++) {
            int register = REGISTERS - 1 - i;
            if (register != Cpu.RSP) {
                operands.register(register, size, values[i]);
            }
        }
    }

    private int iopl() {
        return (int) (cpu.rflags() & Rflags.IOPL) >>> Rflags.IOPL_SHIFT;
    }

    /** Whether virtual-8086 code uses VIF in place of IF; #GP(0) where it may not use the flags at all. */
    private boolean virtualInterrupts(int size) {
        if (!cpu.virtual8086() || iopl() == 3) {
            return false;
        }
        if ((cpu.cr4 & Control.CR4_VME) == 0 || size != 2) {
            throw cpu.gp(0);
        }
        return true;
    }

    private void pushf(int size) {
        long flags = cpu.rflags();
        if (virtualInterrupts(size)) {
            flags = flags & ~Rflags.IF | Rflags.IOPL | ((flags & Rflags.VIF) == 0 ? 0 : Rflags.IF);
        }
        stack.push(size, flags & ~(Rflags.VM | Rflags.RF) & Alu.mask(size));
    }

    private void popf(int size) {
        long old = cpu.rflags();
        boolean virtual = virtualInterrupts(size);
        long rsp = cpu.gpr(Cpu.RSP);
        long value = stack.read(rsp, size);
        long may = POPF_ALWAYS;
        if (virtual) {
            if ((value & Rflags.TF) != 0 || (value & Rflags.IF) != 0 && (old & Rflags.VIP) != 0) {
                throw cpu.gp(0);
            }
            may |= Rflags.VIF;
            value = (value & Rflags.IF) == 0 ? value & ~Rflags.VIF : value | Rflags.VIF;
        } else {
            may |= cpu.cpl <= iopl() || cpu.virtual8086() ? Rflags.IF : 0;
            may |= cpu.cpl == 0 ? Rflags.IOPL : 0;
        }
        may &= size == 2 && !virtual ? 0xffff : -1;
        if (size == 2 && virtual) {
            may &= 0xffff | Rflags.VIF;
        }
        stack.pointer(rsp + size);
        long flags = old & ~may & ~Rflags.RF | value & may;
        cpu.rflags(flags);
        if (((old ^ flags) & Rflags.AC) != 0) {
            mmu.rightsChanged();
        }
        if (((old ^ flags) & Rflags.TF) != 0) {
            debugging.changed();
        }
        if ((flags & (Rflags.IF | Rflags.VIF)) != 0) {
            cpu.unblocked();
        }
    }

    private void enter(int size, int bytes, int level) {
        long mask = Alu.mask(cpu.stackSize());
        long bp = cpu.gpr(Cpu.RBP) & mask;
        long sp = stack.pointer() - size & mask;
        stack.write(sp, size, cpu.gpr(Cpu.RBP));
        long frame = sp;
        if (level > 0) {
            for (int i = 1; i < level; i++) {
                bp = bp - size & mask;
                long link = stack.read(bp, size);
                sp = sp - size & mask;
                stack.write(sp, size, link);
            }
            sp = sp - size & mask;
            stack.write(sp, size, frame);
        }
        sp = sp - bytes & mask;
        stack.probe(sp, 1);
        operands.register(Cpu.RBP, Math.min(size, cpu.stackSize()), frame);
        stack.pointer(sp);
    }
}
