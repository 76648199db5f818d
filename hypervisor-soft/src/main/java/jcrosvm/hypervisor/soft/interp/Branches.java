package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Insn;

/** Near control transfers. Targets that the code segment does not hold fault at the branch. */
final class Branches {
    private final Cpu cpu;
    private final Operands operands;
    private final Stack stack;

    Branches(Cpu cpu, Operands operands, Stack stack) {
        this.cpu = cpu;
        this.operands = operands;
        this.stack = stack;
    }

    long execute(Insn insn, long linear, long next) {
        return switch (insn.op) {
            case JMP -> target(insn, next + insn.imm);
            case JCC -> Alu.condition(insn.opcode, cpu.rflags()) ? target(insn, next + insn.imm) : next;
            case JMP_INDIRECT -> target(insn, operands.read(insn, 0, linear));
            case CALL -> call(insn, target(insn, next + insn.imm), next);
            case CALL_INDIRECT -> call(insn, target(insn, operands.read(insn, 0, linear)), next);
            case RET -> {
                int size = insn.operandSize;
                long sp = stack.pointer();
                long to = target(insn, stack.read(sp, size));
                stack.pointer(sp + size + (insn.opcode == 0xc2 ? insn.imm & 0xffff : 0));
                yield to;
            }
            case JCXZ -> operands.register(Cpu.RCX, insn.addressSize) == 0 ? target(insn, next + insn.imm) : next;
            case LOOP -> loop(insn, next, true);
            case LOOPE -> loop(insn, next, cpu.flag(Rflags.ZF));
            case LOOPNE -> loop(insn, next, !cpu.flag(Rflags.ZF));
            default -> throw new IllegalArgumentException(insn.op.name());
        };
    }

    private long call(Insn insn, long to, long next) {
        stack.push(insn.operandSize, next);
        return to;
    }

    private long loop(Insn insn, long next, boolean condition) {
        int size = insn.addressSize;
        long count = operands.register(Cpu.RCX, size) - 1 & Alu.mask(size);
        long to = count != 0 && condition ? target(insn, next + insn.imm) : next;
        operands.register(Cpu.RCX, size, count);
        return to;
    }

    /** A branch target in the operand size, checked. */
    private long target(Insn insn, long to) {
        if (cpu.codeSize() == 8) {
            long at = insn.operandSize == 8 ? to : Addressing.truncate(to, insn.operandSize);
            if (!Addressing.canonical(at)) {
                throw cpu.gp(0);
            }
            return at;
        }
        long at = Addressing.truncate(to, insn.operandSize);
        if (at > cpu.limit[Cpu.CS]) {
            throw cpu.gp(0);
        }
        return at;
    }
}
