package jcrosvm.hypervisor.soft.interp;

import static jcrosvm.hypervisor.soft.cpu.Rflags.AF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.ARITHMETIC;
import static jcrosvm.hypervisor.soft.cpu.Rflags.CF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.OF;

import jcrosvm.hypervisor.soft.cpu.Cpu;

/**
 * Shifts and rotates, on operands as in {@link Alu} and with the flags left in it.
 *
 * <p>A count that masks to 0 leaves all flags. OF, undefined for counts above 1, follows AMD's processors: it is what a
 * last step by 1 would set; AF, always undefined, is set by shifts.
 */
final class Shifts {
    private final Cpu cpu;
    private final Alu alu;

    Shifts(Cpu cpu, Alu alu) {
        this.cpu = cpu;
        this.alu = alu;
    }

    private static int count(int size, long count) {
        return (int) count & (size == 8 ? 63 : 31);
    }

    private long unchanged(long a) {
        alu.flags(cpu.rflags());
        return a;
    }

    /** OF of a step to the left: the sign changed. */
    private static long leftOverflow(int size, long r, long carry) {
        return ((r >>> Alu.sign(size) ^ carry) & 1) << 11;
    }

    /** OF of a step to the right: the two highest bits differ. */
    private static long rightOverflow(int size, long r) {
        int sign = Alu.sign(size);
        return ((r >>> sign ^ r >>> sign - 1) & 1) << 11;
    }

    private long shifted(int size, long r, long carry, long overflow) {
        alu.flags(cpu.rflags() & ~ARITHMETIC | AF | carry | overflow | Alu.resultFlags(size, r));
        return r;
    }

    private long rotated(long r, long carry, long overflow) {
        alu.flags(cpu.rflags() & ~(CF | OF) | carry | overflow);
        return r;
    }

    long shl(int size, long a, long by) {
        int n = count(size, by);
        if (n == 0) {
            return unchanged(a);
        }
        int bits = size << 3;
        long r = a << n & Alu.mask(size);
        long carry = n > bits ? 0 : a >>> bits - n & 1;
        return shifted(size, r, carry, leftOverflow(size, r, carry));
    }

    long shr(int size, long a, long by) {
        int n = count(size, by);
        if (n == 0) {
            return unchanged(a);
        }
        long r = a >>> n;
        return shifted(size, r, a >>> n - 1 & 1, rightOverflow(size, r));
    }

    long sar(int size, long a, long by) {
        int n = count(size, by);
        if (n == 0) {
            return unchanged(a);
        }
        long wide = Alu.signExtend(size, a);
        return shifted(size, wide >> n & Alu.mask(size), wide >> n - 1 & 1, 0);
    }

    long rol(int size, long a, long by) {
        int n = count(size, by);
        if (n == 0) {
            return unchanged(a);
        }
        long r = rotateLeft(size, a, n);
        long carry = r & 1;
        return rotated(r, carry, leftOverflow(size, r, carry));
    }

    long ror(int size, long a, long by) {
        int n = count(size, by);
        if (n == 0) {
            return unchanged(a);
        }
        long r = rotateLeft(size, a, (size << 3) - n);
        return rotated(r, r >>> Alu.sign(size), rightOverflow(size, r));
    }

    private static long rotateLeft(int size, long a, int by) {
        int bits = size << 3;
        int n = by & bits - 1;
        return n == 0 ? a : (a << n | a >>> bits - n) & Alu.mask(size);
    }

    long rcl(int size, long a, long by) {
        int n = count(size, by);
        if (n == 0) {
            return unchanged(a);
        }
        return throughCarry(size, a, n % ((size << 3) + 1), true);
    }

    long rcr(int size, long a, long by) {
        int n = count(size, by);
        if (n == 0) {
            return unchanged(a);
        }
        int width = (size << 3) + 1;
        return throughCarry(size, a, (width - n % width) % width, false);
    }

    /** Rotates the operand with CF above it to the left by less than its width of 9, 17, 33 or 65 bits. */
    private long throughCarry(int size, long a, int n, boolean left) {
        int bits = size << 3;
        long carryIn = cpu.rflags() & CF;
        long r = a;
        long carry = carryIn;
        if (n != 0) {
            // Of bits + 1: the part that leaves on the left, the carry, and the part that comes around from the right.
            r = (n == bits ? 0 : shiftLeft(a, n)) | carryIn << n - 1 | (n == 1 ? 0 : a >>> bits + 1 - n);
            r &= Alu.mask(size);
            carry = a >>> bits - n & 1;
        }
        return rotated(r, carry, left ? leftOverflow(size, r, carry) : rightOverflow(size, r));
    }

    private static long shiftLeft(long a, int n) {
        return n > 63 ? 0 : a << n;
    }

    long shld(int size, long a, long b, long by) {
        int n = count(size, by);
        int bits = size << 3;
        if (n == 0) {
            return unchanged(a);
        }
        if (n > bits) { // only 16 bits: undefined; AMD goes on with the source and clears CF and OF
            int m = n - bits;
            return shifted(size, (b << m | b >>> bits - m) & 0xffff, 0, 0);
        }
        long r = n == bits ? b : (a << n | b >>> bits - n) & Alu.mask(size);
        long carry = a >>> bits - n & 1;
        return shifted(size, r, carry, leftOverflow(size, r, carry));
    }

    long shrd(int size, long a, long b, long by) {
        int n = count(size, by);
        int bits = size << 3;
        if (n == 0) {
            return unchanged(a);
        }
        if (n > bits) {
            int m = n - bits;
            long r = (b >>> m | b << bits - m) & 0xffff;
            return shifted(size, r, 0, rightOverflow(size, r));
        }
        long r = n == bits ? b : (a >>> n | b << bits - n) & Alu.mask(size);
        return shifted(size, r, a >>> n - 1 & 1, rightOverflow(size, r));
    }
}
