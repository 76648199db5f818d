package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;

/** The arithmetic flags of an operation that was executed before, from its operands or its result. */
public final class Recalculation {
    public static final int ADD = 1;
    public static final int SUB = 2;
    /** With the carry that makes the result of the operands. */
    public static final int ADC = 3;

    public static final int SBB = 4;
    public static final int AND = 5;
    public static final int SHL = 6;
    public static final int SHR = 7;
    public static final int SAR = 8;

    /** Signed, of the size of the operands. */
    public static final int MULTIPLY = 9;

    // Here the first operand is the result.

    public static final int LOGIC = 10;
    public static final int ADDED = 11;
    public static final int SUBTRACTED = 12;
    public static final int NEGATED = 13;
    /** CF stays. */
    public static final int INC = 14;

    public static final int DEC = 15;
    /** The first operand is the upper half of a product, the second the lower one. */
    public static final int MULTIPLIED = 16;

    public static final int MULTIPLIED_SIGNED = 17;

    private final Cpu cpu;
    private final Alu alu;
    private final Shifts shifts;

    public Recalculation(Cpu cpu) {
        this.cpu = cpu;
        alu = new Alu(cpu);
        shifts = new Shifts(cpu, alu);
    }

    /** Puts the flags into the processor's RFLAGS; bits of the values beyond the size do not count. */
    public void apply(int operation, int size, long first, long second, long result) {
        long mask = Alu.mask(size);
        long a = first & mask;
        long b = second & mask;
        switch (operation) {
            case ADD -> alu.add(size, a, b);
            case SUB -> alu.sub(size, a, b);
            case ADC -> {
                carry(result - a - b);
                alu.adc(size, a, b);
            }
            case SBB -> {
                carry(a - b - result);
                alu.sbb(size, a, b);
            }
            case AND -> alu.and(size, a, b);
            case SHL -> shifts.shl(size, a, b);
            case SHR -> shifts.shr(size, a, b);
            case SAR -> shifts.sar(size, a, b);
            case MULTIPLY -> {
                long x = Alu.signExtend(size, a);
                long y = Alu.signExtend(size, b);
                long low = x * y;
                overflow(size == 8 ? Math.multiplyHigh(x, y) != low >> 63 : low != Alu.signExtend(size, low));
            }
            case MULTIPLIED -> overflow(a != 0);
            case MULTIPLIED_SIGNED -> overflow(a != (-(b >>> Alu.sign(size)) & mask));
            case LOGIC -> alu.logic(size, a);
            case ADDED -> alu.add(size, a - b & mask, b);
            case SUBTRACTED -> alu.sub(size, a + b & mask, b);
            case NEGATED -> alu.neg(size, -a & mask);
            case INC -> alu.inc(size, a - 1 & mask);
            case DEC -> alu.dec(size, a + 1 & mask);
            default -> throw new IllegalArgumentException("operation " + operation);
        }
        alu.commit();
    }

    private void overflow(boolean yes) {
        long rest = cpu.rflags() & ~(long) (Rflags.CF | Rflags.OF);
        alu.flags(yes ? rest | Rflags.CF | Rflags.OF : rest);
    }

    private void carry(long difference) {
        cpu.rflags(cpu.rflags() & ~Rflags.CF | difference & Rflags.CF);
    }
}
