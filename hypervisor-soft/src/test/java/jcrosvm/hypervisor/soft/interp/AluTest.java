package jcrosvm.hypervisor.soft.interp;

import static jcrosvm.hypervisor.soft.cpu.Rflags.AF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.ARITHMETIC;
import static jcrosvm.hypervisor.soft.cpu.Rflags.CF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.FIXED;
import static jcrosvm.hypervisor.soft.cpu.Rflags.OF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.PF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.SF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.ZF;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.util.SplittableRandom;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Results and flags against arithmetic on wide integers and against shifts by one bit at a time. */
final class AluTest {
    private static final long SEED = 20251;
    private static final int[] SIZES = {1, 2, 4, 8};
    private static final long[] EDGES = {0, 1, -1, 0x7f, 0x80, 0x7fff, 0x8000, 0x7fff_ffffL, 0x8000_0000L, 1L << 63};

    private final Cpu cpu = new Cpu(0);
    private final Alu alu = new Alu(cpu);
    private final Shifts shifts = new Shifts(cpu, alu);
    private final SplittableRandom random = new SplittableRandom(SEED);

    @AfterEach
    void close() {
        cpu.close();
    }

    private long value(int size) {
        long any = random.nextInt(4) == 0
                ? EDGES[random.nextInt(EDGES.length)] + random.nextInt(3) - 1
                : random.nextLong();
        return any & Alu.mask(size);
    }

    private static BigInteger wide(long value) {
        return new BigInteger(Long.toUnsignedString(value));
    }

    private static BigInteger signed(int size, long value) {
        return BigInteger.valueOf(Alu.signExtend(size, value));
    }

    private static long resultFlags(int size, long r) {
        return (r == 0 ? ZF : 0) | (Alu.signExtend(size, r) < 0 ? SF : 0) | (Long.bitCount(r & 0xff) % 2 == 0 ? PF : 0);
    }

    /** Of a sum or difference of unsigned and of signed values and of low digits. */
    private static long sumFlags(int size, BigInteger unsigned, BigInteger signed, long digit) {
        BigInteger limit = BigInteger.ONE.shiftLeft(size * 8);
        BigInteger half = BigInteger.ONE.shiftLeft(size * 8 - 1);
        long r = unsigned.mod(limit).longValue();
        return resultFlags(size, r)
                | (unsigned.signum() < 0 || unsigned.compareTo(limit) >= 0 ? CF : 0)
                | (signed.compareTo(half) >= 0 || signed.compareTo(half.negate()) < 0 ? OF : 0)
                | (digit < 0 || digit > 15 ? AF : 0);
    }

    private void check(String what, int size, BigInteger unsigned, BigInteger signed, long digit, long r, long keep) {
        long limit = Alu.mask(size);
        assertThat(r).as(what).isEqualTo(unsigned.longValue() & limit);
        long expected = sumFlags(size, unsigned, signed, digit);
        long old = cpu.rflags();
        assertThat(alu.flags()).as(what).isEqualTo(FIXED | expected & ~keep | old & keep);
    }

    @Test
    void addsAndSubtracts() {
        for (int i = 0; i < 200_000; i++) {
            int size = SIZES[i & 3];
            long a = value(size);
            long b = value(size);
            cpu.rflags(FIXED | random.nextInt() & ARITHMETIC);
            long c = cpu.rflags() & CF;
            BigInteger carry = BigInteger.valueOf(c);
            String what = "%d bytes: %x, %x, carry %d".formatted(size, a, b, c);
            BigInteger ua = wide(a);
            BigInteger ub = wide(b);
            BigInteger sa = signed(size, a);
            BigInteger sb = signed(size, b);
            long da = a & 15;
            long db = b & 15;
            check("add " + what, size, ua.add(ub), sa.add(sb), da + db, alu.add(size, a, b), 0);
            check(
                    "adc " + what,
                    size,
                    ua.add(ub).add(carry),
                    sa.add(sb).add(carry),
                    da + db + c,
                    alu.adc(size, a, b),
                    0);
            check("sub " + what, size, ua.subtract(ub), sa.subtract(sb), da - db, alu.sub(size, a, b), 0);
            check(
                    "sbb " + what,
                    size,
                    ua.subtract(ub).subtract(carry),
                    sa.subtract(sb).subtract(carry),
                    da - db - c,
                    alu.sbb(size, a, b),
                    0);
            BigInteger one = BigInteger.ONE;
            check("inc " + what, size, ua.add(one), sa.add(one), da + 1, alu.inc(size, a), CF);
            check("dec " + what, size, ua.subtract(one), sa.subtract(one), da - 1, alu.dec(size, a), CF);
            check("neg " + what, size, ua.negate(), sa.negate(), -da, alu.neg(size, a), 0);
        }
    }

    @Test
    void logicClearsCarryAndOverflow() {
        for (int i = 0; i < 10_000; i++) {
            int size = SIZES[i & 3];
            long a = value(size);
            long b = value(size);
            cpu.rflags(FIXED | ARITHMETIC);
            assertThat(alu.xor(size, a, b)).isEqualTo(a ^ b);
            assertThat(alu.flags()).isEqualTo(FIXED | resultFlags(size, a ^ b));
            assertThat(alu.and(size, a, b)).isEqualTo(a & b);
            assertThat(alu.flags()).isEqualTo(FIXED | resultFlags(size, a & b));
            assertThat(alu.or(size, a, b)).isEqualTo(a | b);
            assertThat(alu.flags()).isEqualTo(FIXED | resultFlags(size, a | b));
            assertThat(alu.not(size, a)).isEqualTo(~a & Alu.mask(size));
            assertThat(alu.flags()).isEqualTo(cpu.rflags());
        }
    }

    private enum Kind {
        ROL,
        ROR,
        RCL,
        RCR,
        SHL,
        SHR,
        SAR
    }

    private long run(Kind kind, int size, long a, long by) {
        return switch (kind) {
            case ROL -> shifts.rol(size, a, by);
            case ROR -> shifts.ror(size, a, by);
            case RCL -> shifts.rcl(size, a, by);
            case RCR -> shifts.rcr(size, a, by);
            case SHL -> shifts.shl(size, a, by);
            case SHR -> shifts.shr(size, a, by);
            case SAR -> shifts.sar(size, a, by);
        };
    }

    @Test
    void shiftsAreManyStepsOfOneBit() {
        for (int i = 0; i < 200_000; i++) {
            int size = SIZES[i & 3];
            int sign = size * 8 - 1;
            Kind kind = Kind.values()[random.nextInt(Kind.values().length)];
            long a = value(size);
            int by = random.nextInt(256);
            cpu.rflags(FIXED | random.nextInt() & ARITHMETIC);
            int count = by & (size == 8 ? 63 : 31);
            long r = a;
            long carry = cpu.rflags() & CF;
            for (int n = 0; n < count; n++) {
                long top = r >>> sign & 1;
                long low = r & 1;
                switch (kind) {
                    case ROL -> r = r << 1 | top;
                    case RCL -> r = r << 1 | carry;
                    case SHL -> r = r << 1;
                    case ROR -> r = r >>> 1 | low << sign;
                    case RCR -> r = r >>> 1 | carry << sign;
                    case SHR -> r = r >>> 1;
                    case SAR -> r = r >>> 1 | top << sign;
                }
                r &= Alu.mask(size);
                carry = kind == Kind.ROL || kind == Kind.RCL || kind == Kind.SHL ? top : low;
            }
            String what = "%s of %d bytes: %x by %d, flags %x".formatted(kind, size, a, by, cpu.rflags());
            assertThat(run(kind, size, a, by)).as(what).isEqualTo(r);
            if (count == 0) {
                assertThat(alu.flags()).as(what).isEqualTo(cpu.rflags());
                continue;
            }
            assertThat(alu.flags() & CF).as(what).isEqualTo(carry);
            long overflow = switch (kind) {
                case ROL, RCL, SHL -> r >>> sign ^ carry;
                case SAR -> 0;
                default -> (r >>> sign ^ r >>> sign - 1) & 1;
            };
            assertThat(alu.flags() & OF).as(what).isEqualTo(overflow * OF);
            boolean rotates = kind.ordinal() < Kind.SHL.ordinal();
            assertThat(alu.flags() & (SF | ZF | PF | AF))
                    .as(what)
                    .isEqualTo(rotates ? cpu.rflags() & (SF | ZF | PF | AF) : resultFlags(size, r) | AF);
        }
    }

    @Test
    void doubleShiftsTakeBitsFromTheOtherOperand() {
        for (int i = 0; i < 50_000; i++) {
            int size = SIZES[1 + i % 3];
            int bits = size * 8;
            long a = value(size);
            long b = value(size);
            int count = random.nextInt(1, bits);
            if (size < 8) {
                count &= 31;
            }
            cpu.rflags(FIXED);
            if (count == 0) {
                continue;
            }
            BigInteger left = wide(a).shiftLeft(bits).or(wide(b)).shiftLeft(count);
            String what = "%d bytes: %x, %x by %d".formatted(size, a, b, count);
            assertThat(shifts.shld(size, a, b, count))
                    .as(what)
                    .isEqualTo(left.shiftRight(bits).longValue() & Alu.mask(size));
            assertThat(alu.flags() & CF).as(what).isEqualTo(a >>> bits - count & 1);
            BigInteger right = wide(b).shiftLeft(bits).or(wide(a)).shiftRight(count);
            assertThat(shifts.shrd(size, a, b, count)).as(what).isEqualTo(right.longValue() & Alu.mask(size));
            assertThat(alu.flags() & CF).as(what).isEqualTo(a >>> count - 1 & 1);
        }
    }

    @Test
    void conditionsOfFlags() {
        assertThat(Alu.condition(0x74, ZF)).isTrue();
        assertThat(Alu.condition(0x75, ZF)).isFalse();
        assertThat(Alu.condition(0x72, CF)).isTrue();
        assertThat(Alu.condition(0x77, CF)).isFalse();
        assertThat(Alu.condition(0x77, 0)).isTrue();
        assertThat(Alu.condition(0x7c, SF)).isTrue();
        assertThat(Alu.condition(0x7c, SF | OF)).isFalse();
        assertThat(Alu.condition(0x7e, SF | OF | ZF)).isTrue();
        assertThat(Alu.condition(0x7f, OF)).isFalse();
        assertThat(Alu.condition(0x70, OF)).isTrue();
        assertThat(Alu.condition(0x7a, PF)).isTrue();
        assertThat(Alu.condition(0x79, 0)).isTrue();
    }
}
