package jcrosvm.hypervisor.soft.interp;

import static jcrosvm.hypervisor.soft.cpu.Rflags.AF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.ARITHMETIC;
import static jcrosvm.hypervisor.soft.cpu.Rflags.CF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.OF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.PF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.SF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.ZF;

import jcrosvm.hypervisor.soft.cpu.Cpu;

/**
 * Addition, subtraction and logic with their flags (SDM volume 1, appendix A).
 *
 * <p>Operands are zero-extended and so are results; sizes are 1, 2, 4 and 8 bytes. The new RFLAGS stay here until
 * {@link #commit}, because the store of the result may fault first. What the manuals leave undefined is as on AMD's
 * processors.
 */
public final class Alu {
    private static final int OF_BIT = 11;

    private final Cpu cpu;
    private long flags;

    public Alu(Cpu cpu) {
        this.cpu = cpu;
    }

    /** All ones in the given number of bytes. */
    public static long mask(int size) {
        return -1L >>> -(size << 3);
    }

    /** Position of the sign bit. */
    static int sign(int size) {
        return (size << 3) - 1;
    }

    public static long signExtend(int size, long value) {
        int shift = -(size << 3);
        return value << shift >> shift;
    }

    /** RFLAGS as the last operation leaves them. */
    public long flags() {
        return flags;
    }

    void flags(long value) {
        flags = value;
    }

    /** Makes the flags of the last operation the processor's. */
    public void commit() {
        cpu.rflags(flags);
    }

    /** SF, ZF and PF of a result; ZF and SF without branches. */
    static long resultFlags(int size, long r) {
        return (~Integer.bitCount((int) r & 0xff) & 1) << 2 | ((r | -r) >>> 63 ^ 1) << 6 | (r >>> sign(size) & 1) << 7;
    }

    public long add(int size, long a, long b) {
        return sum(size, a, b, a + b & mask(size));
    }

    public long adc(int size, long a, long b) {
        return sum(size, a, b, a + b + (cpu.rflags() & CF) & mask(size));
    }

    private long sum(int size, long a, long b, long r) {
        int sign = sign(size);
        long carries = a & b | (a | b) & ~r;
        flags = cpu.rflags() & ~ARITHMETIC
                | carries >>> sign & 1
                | (a ^ b ^ r) & AF
                | ((a ^ r) & (b ^ r)) >>> sign << OF_BIT & OF
                | resultFlags(size, r);
        return r;
    }

    public long sub(int size, long a, long b) {
        return difference(size, a, b, a - b & mask(size));
    }

    public long sbb(int size, long a, long b) {
        return difference(size, a, b, a - b - (cpu.rflags() & CF) & mask(size));
    }

    private long difference(int size, long a, long b, long r) {
        int sign = sign(size);
        long borrows = ~a & b | (~a | b) & r;
        flags = cpu.rflags() & ~ARITHMETIC
                | borrows >>> sign & 1
                | (a ^ b ^ r) & AF
                | ((a ^ b) & (a ^ r)) >>> sign << OF_BIT & OF
                | resultFlags(size, r);
        return r;
    }

    public long inc(int size, long a) {
        return keepCarry(add(size, a, 1));
    }

    public long dec(int size, long a) {
        return keepCarry(sub(size, a, 1));
    }

    private long keepCarry(long r) {
        flags = flags & ~CF | cpu.rflags() & CF;
        return r;
    }

    public long neg(int size, long a) {
        return sub(size, 0, a);
    }

    public long not(int size, long a) {
        flags = cpu.rflags();
        return ~a & mask(size);
    }

    public long and(int size, long a, long b) {
        return logic(size, a & b);
    }

    public long or(int size, long a, long b) {
        return logic(size, a | b);
    }

    public long xor(int size, long a, long b) {
        return logic(size, a ^ b);
    }

    /** CF, OF and AF clear, the others of the result. */
    long logic(int size, long r) {
        flags = cpu.rflags() & ~ARITHMETIC | resultFlags(size, r);
        return r;
    }

    /** Addition with only CF (ADCX) or only OF (ADOX) as carry in and out. */
    long addWith(int flag, int size, long a, long b) {
        long old = cpu.rflags();
        long r = a + b + ((old & flag) == 0 ? 0 : 1) & mask(size);
        long carry = (a & b | (a | b) & ~r) >>> sign(size) & 1;
        flags = old & ~flag | (carry == 0 ? 0 : flag);
        return r;
    }

    /** Whether a condition of Jcc, SETcc or CMOVcc (low four bits of the opcode) holds. */
    public static boolean condition(int code, long flags) {
        boolean yes = switch (code >> 1 & 7) {
            case 0 -> (flags & OF) != 0;
            case 1 -> (flags & CF) != 0;
            case 2 -> (flags & ZF) != 0;
            case 3 -> (flags & (CF | ZF)) != 0;
            case 4 -> (flags & SF) != 0;
            case 5 -> (flags & PF) != 0;
            case 6 -> less(flags);
            default -> (flags & ZF) != 0 || less(flags);
        };
        return yes ^ (code & 1) != 0;
    }

    private static boolean less(long flags) {
        return ((flags >>> 7 ^ flags >>> OF_BIT) & 1) != 0;
    }
}
