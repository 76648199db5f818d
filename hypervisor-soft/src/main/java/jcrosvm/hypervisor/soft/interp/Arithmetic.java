package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Instructions that compute operand 0 from itself and others, with LOCK where asked for; comparisons. */
final class Arithmetic {
    private final Mmu mmu;
    private final Operands operands;
    private final Alu alu;
    private final Shifts shifts;

    Arithmetic(Mmu mmu, Operands operands, Alu alu, Shifts shifts) {
        this.mmu = mmu;
        this.operands = operands;
        this.alu = alu;
        this.shifts = shifts;
    }

    /** Operations of two operands, and of one. */
    void modify(Insn insn, long linear) {
        int size = insn.size[0];
        long b = operands.read(insn, 1, linear) & Alu.mask(size);
        if (insn.kind[0] != OperandKind.MEMORY) {
            operands.write(insn, 0, linear, compute(insn.op, size, operands.read(insn, 0, linear), b));
        } else if (insn.has(Insn.PREFIX_LOCK)) {
            long a;
            do {
                a = operands.readForWrite(linear, size);
            } while (!mmu.compareAndSet(linear, size, a, compute(insn.op, size, a, b)));
        } else {
            mmu.write(linear, size, compute(insn.op, size, operands.readForWrite(linear, size), b));
        }
        alu.commit();
    }

    private long compute(Op op, int size, long a, long b) {
        return switch (op) {
            case ADD -> alu.add(size, a, b);
            case OR -> alu.or(size, a, b);
            case ADC -> alu.adc(size, a, b);
            case SBB -> alu.sbb(size, a, b);
            case AND -> alu.and(size, a, b);
            case SUB -> alu.sub(size, a, b);
            case XOR -> alu.xor(size, a, b);
            case INC -> alu.inc(size, a);
            case DEC -> alu.dec(size, a);
            case NEG -> alu.neg(size, a);
            case NOT -> alu.not(size, a);
            default -> throw new IllegalArgumentException(op.name());
        };
    }

    void compare(Insn insn, long linear) {
        int size = insn.size[0];
        long a = operands.read(insn, 0, linear);
        long b = operands.read(insn, 1, linear) & Alu.mask(size);
        if (insn.op == Op.CMP) {
            alu.sub(size, a, b);
        } else {
            alu.and(size, a, b);
        }
        alu.commit();
    }

    void shift(Insn insn, long linear) {
        int size = insn.size[0];
        boolean memory = insn.kind[0] == OperandKind.MEMORY;
        boolean twice = insn.op == Op.SHLD || insn.op == Op.SHRD;
        long by = operands.read(insn, twice ? 2 : 1, linear);
        long a = memory ? operands.readForWrite(linear, size) : operands.read(insn, 0, linear);
        long r = switch (insn.op) {
            case ROL -> shifts.rol(size, a, by);
            case ROR -> shifts.ror(size, a, by);
            case RCL -> shifts.rcl(size, a, by);
            case RCR -> shifts.rcr(size, a, by);
            case SHL -> shifts.shl(size, a, by);
            case SHR -> shifts.shr(size, a, by);
            case SAR -> shifts.sar(size, a, by);
            case SHLD -> shifts.shld(size, a, operands.read(insn, 1, linear), by);
            case SHRD -> shifts.shrd(size, a, operands.read(insn, 1, linear), by);
            default -> throw new IllegalArgumentException(insn.op.name());
        };
        operands.write(insn, 0, linear, r);
        alu.commit();
    }
}
