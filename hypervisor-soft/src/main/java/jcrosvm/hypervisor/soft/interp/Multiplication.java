package jcrosvm.hypervisor.soft.interp;

import static jcrosvm.hypervisor.soft.cpu.Rflags.AF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.CF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.OF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.PF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.SF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.ZF;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.isa.Insn;

/**
 * MUL, IMUL, DIV and IDIV. As on AMD's processors, multiplication leaves SF, ZF, AF and PF, and division leaves CF and
 * OF, sets AF and clears the others.
 */
final class Multiplication {
    private final Cpu cpu;
    private final Operands operands;
    /** Of {@link #divideWide}, which has two results. */
    private long remainder;

    Multiplication(Cpu cpu, Operands operands) {
        this.cpu = cpu;
        this.operands = operands;
    }

    void execute(Insn insn, long linear) {
        switch (insn.op) {
            case MUL -> mul(insn, linear);
            case IMUL1 -> imul(insn, linear);
            case IMUL2 -> product(insn, operands.read(insn, 0, linear), operands.read(insn, 1, linear));
            case IMUL3 -> product(insn, operands.read(insn, 1, linear), operands.read(insn, 2, linear));
            case DIV -> div(insn, linear);
            case IDIV -> idiv(insn, linear);
            default -> throw new IllegalArgumentException(insn.op.name());
        }
    }

    private void overflow(boolean yes) {
        long rest = cpu.rflags() & ~(CF | OF);
        cpu.rflags(yes ? rest | CF | OF : rest);
    }

    private void wide(int size, long high, long low) {
        if (size == 1) {
            operands.register(Cpu.RAX, 2, high << 8 | low & 0xff);
        } else {
            operands.register(Cpu.RAX, size, low);
            operands.register(Cpu.RDX, size, high);
        }
    }

    private void mul(Insn insn, long linear) {
        int size = insn.size[0];
        long b = operands.read(insn, 0, linear);
        long a = operands.register(Cpu.RAX, size);
        long low = a * b;
        long high = size == 8 ? Math.unsignedMultiplyHigh(a, b) : low >>> (size << 3);
        wide(size, high, low);
        overflow(high != 0);
    }

    private void imul(Insn insn, long linear) {
        int size = insn.size[0];
        long b = Alu.signExtend(size, operands.read(insn, 0, linear));
        long a = Alu.signExtend(size, operands.register(Cpu.RAX, size));
        long low = a * b;
        long high = size == 8 ? Math.multiplyHigh(a, b) : low >> (size << 3);
        wide(size, high, low);
        overflow(size == 8 ? high != low >> 63 : low != Alu.signExtend(size, low));
    }

    private void product(Insn insn, long left, long right) {
        int size = insn.size[0];
        long a = Alu.signExtend(size, left);
        long b = Alu.signExtend(size, right);
        long low = a * b;
        operands.register(insn.register[0], size, low);
        overflow(size == 8 ? Math.multiplyHigh(a, b) != low >> 63 : low != Alu.signExtend(size, low));
    }

    private GuestException divideError() {
        return cpu.fault(GuestException.DE);
    }

    private void quotient(int size, long quotient, long rest) {
        if (size == 1) {
            operands.register(Cpu.RAX, 2, rest << 8 | quotient & 0xff);
        } else {
            operands.register(Cpu.RAX, size, quotient);
            operands.register(Cpu.RDX, size, rest);
        }
        cpu.rflags(cpu.rflags() & ~(PF | ZF | SF) | AF);
    }

    /** AX, or rDX:rAX of less than 128 bits together. */
    private long dividend(int size) {
        if (size == 1) {
            return operands.register(Cpu.RAX, 2);
        }
        return operands.register(Cpu.RDX, size) << (size << 3) | operands.register(Cpu.RAX, size);
    }

    private void div(Insn insn, long linear) {
        int size = insn.size[0];
        long b = operands.read(insn, 0, linear);
        if (b == 0) {
            throw divideError();
        }
        if (size == 8) {
            long high = cpu.gpr(Cpu.RDX);
            if (Long.compareUnsigned(high, b) >= 0) {
                throw divideError();
            }
            long q = divideWide(high, cpu.gpr(Cpu.RAX), b);
            quotient(size, q, remainder);
            return;
        }
        long a = dividend(size);
        long q = Long.divideUnsigned(a, b);
        if (q >>> (size << 3) != 0) {
            throw divideError();
        }
        quotient(size, q, a - q * b);
    }

    private void idiv(Insn insn, long linear) {
        int size = insn.size[0];
        long b = Alu.signExtend(size, operands.read(insn, 0, linear));
        if (b == 0) {
            throw divideError();
        }
        if (size == 8) {
            idiv64(b);
            return;
        }
        long a = Alu.signExtend(size << 1, dividend(size));
        long q = a / b;
        if (q != Alu.signExtend(size, q) || a == Long.MIN_VALUE && b == -1) {
            throw divideError();
        }
        quotient(size, q, a - q * b);
    }

    private void idiv64(long b) {
        long high = cpu.gpr(Cpu.RDX);
        long low = cpu.gpr(Cpu.RAX);
        boolean negative = high < 0;
        if (negative) {
            low = -low;
            high = ~high + (low == 0 ? 1 : 0);
        }
        long divisor = Math.abs(b); // as an unsigned value also for the smallest
        if (Long.compareUnsigned(high, divisor) >= 0) {
            throw divideError();
        }
        long q = divideWide(high, low, divisor);
        boolean negativeQuotient = negative != b < 0;
        if (negativeQuotient ? Long.compareUnsigned(q, Long.MIN_VALUE) > 0 : q < 0) {
            throw divideError();
        }
        quotient(8, negativeQuotient ? -q : q, negative ? -remainder : remainder);
    }

    /** Unsigned high:low / b for high < b: long division with digits of 32 bits (Knuth, algorithm D). */
    private long divideWide(long high, long low, long b) {
        if (high == 0) {
            long q = Long.divideUnsigned(low, b);
            remainder = low - q * b;
            return q;
        }
        int shift = Long.numberOfLeadingZeros(b);
        long d = b << shift;
        long upper = shift == 0 ? high : high << shift | low >>> 64 - shift;
        long lower = low << shift;
        long q1 = digit(upper, lower >>> 32, d);
        long middle = (upper << 32 | lower >>> 32) - q1 * d;
        long q0 = digit(middle, lower & 0xffff_ffffL, d);
        remainder = (middle << 32 | lower & 0xffff_ffffL) - q0 * d >>> shift;
        return q1 << 32 | q0;
    }

    /** The quotient digit of upper:next / d, of 96 by 64 bits with d normalized. */
    private static long digit(long upper, long next, long d) {
        long dHigh = d >>> 32;
        long dLow = d & 0xffff_ffffL;
        long q = Long.divideUnsigned(upper, dHigh);
        long r = upper - q * dHigh;
        while (q >>> 32 != 0 || Long.compareUnsigned(q * dLow, r << 32 | next) > 0) {
            q--;
            r += dHigh;
            if (r >>> 32 != 0) {
                break;
            }
        }
        return q;
    }
}
