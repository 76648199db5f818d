package jcrosvm.hypervisor.soft.interp;

import static jcrosvm.hypervisor.soft.cpu.Rflags.AF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.ARITHMETIC;
import static jcrosvm.hypervisor.soft.cpu.Rflags.CF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.OF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.PF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.SF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.ZF;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Bit tests, bit scans, counts, CRC32, and the extensions BMI1, BMI2 and ADX. Undefined flags are as on AMD's processors. */
final class Bits {
    private static final int[] CRC = crcTable();

    private final Cpu cpu;
    private final Mmu mmu;
    private final Operands operands;
    private final Addressing addressing;
    private final Alu alu;

    Bits(Cpu cpu, Mmu mmu, Operands operands, Addressing addressing, Alu alu) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.operands = operands;
        this.addressing = addressing;
        this.alu = alu;
    }

    /** BT, BTS, BTR, BTC. A register as bit offset of memory reaches beyond the operand, to both sides. */
    void test(Insn insn) {
        int size = insn.size[0];
        int bits = size << 3;
        long offset = operands.read(insn, 1, 0);
        long bit = 1L << (offset & bits - 1);
        if (insn.kind[0] != OperandKind.MEMORY) {
            long a = operands.read(insn, 0, 0);
            if (insn.op != Op.BT) {
                operands.write(insn, 0, 0, changed(insn.op, a, bit));
            }
            carry((a & bit) != 0);
            return;
        }
        long at = addressing.effective(insn);
        if (insn.kind[1] == OperandKind.GPR) {
            long elements = Alu.signExtend(size, offset) >> Integer.numberOfTrailingZeros(bits);
            at = Addressing.truncate(at + elements * size, insn.addressSize);
        }
        long linear = addressing.linear(insn, at);
        long a;
        if (insn.op == Op.BT) {
            a = mmu.read(linear, size);
        } else if (insn.has(Insn.PREFIX_LOCK)) {
            do {
                a = operands.readForWrite(linear, size);
            } while (!mmu.compareAndSet(linear, size, a, changed(insn.op, a, bit)));
        } else {
            a = operands.readForWrite(linear, size);
            mmu.write(linear, size, changed(insn.op, a, bit));
        }
        carry((a & bit) != 0);
    }

    private static long changed(Op op, long a, long bit) {
        return switch (op) {
            case BTS -> a | bit;
            case BTR -> a & ~bit;
            default -> a ^ bit;
        };
    }

    private void carry(boolean set) {
        long rest = cpu.rflags() & ~CF;
        cpu.rflags(set ? rest | CF : rest);
    }

    void execute(Insn insn, long linear) {
        switch (insn.op) {
            case BSF, BSR -> scan(insn, linear);
            case TZCNT, LZCNT -> countZeros(insn, linear);
            case POPCNT -> {
                long count = Long.bitCount(operands.read(insn, 1, linear));
                operands.write(insn, 0, linear, count);
                cpu.rflags(cpu.rflags() & ~ARITHMETIC | (count == 0 ? ZF : 0));
            }
            case CRC32 -> crc32(insn, linear);
            case ADCX -> addWith(CF, insn, linear);
            case ADOX -> addWith(OF, insn, linear);
            default -> extension(insn, linear);
        }
    }

    private void scan(Insn insn, long linear) {
        long a = operands.read(insn, 1, linear);
        if (a == 0) { // the destination keeps even its upper half
            cpu.rflags(cpu.rflags() | ZF);
            return;
        }
        operands.write(
                insn, 0, linear, insn.op == Op.BSF ? Long.numberOfTrailingZeros(a) : 63 - Long.numberOfLeadingZeros(a));
        cpu.rflags(cpu.rflags() & ~ZF);
    }

    private void countZeros(Insn insn, long linear) {
        int bits = insn.size[0] << 3;
        long a = operands.read(insn, 1, linear);
        int count;
        if (a == 0) {
            count = bits;
        } else {
            count = insn.op == Op.TZCNT
                    ? Long.numberOfTrailingZeros(a)
                    : Long.numberOfLeadingZeros(a) - (Long.SIZE - bits);
        }
        operands.write(insn, 0, linear, count);
        cpu.rflags(cpu.rflags() & ~(CF | PF | AF | ZF | SF) | (count == bits ? CF : 0) | (count == 0 ? ZF : 0));
    }

    private void addWith(int flag, Insn insn, long linear) {
        long b = operands.read(insn, 1, linear);
        long r = alu.addWith(flag, insn.size[0], operands.read(insn, 0, linear), b);
        operands.write(insn, 0, linear, r);
        alu.commit();
    }

    private void crc32(Insn insn, long linear) {
        long data = operands.read(insn, 1, linear);
        int crc = (int) operands.read(insn, 0, linear);
        for (int i = 0; i < insn.size[1]; i++) {
            crc = crc >>> 8 ^ CRC[(crc ^ (int) data) & 0xff];
            data >>>= 8;
        }
        operands.write(insn, 0, linear, crc & 0xffff_ffffL);
    }

    private static int[] crcTable() {
        int[] table = new int[256];
        for (int i = 0; i < table.length; i++) {
            int crc = i;
            for (int k = 0; k < 8; k++) {
                crc = crc >>> 1 ^ ((crc & 1) == 0 ? 0 : 0x82f63b78); // the Castagnoli polynomial, reflected
            }
            table[i] = crc;
        }
        return table;
    }

    /** BMI1 and BMI2: operands of 4 or 8 bytes, encoded with VEX. */
    private void extension(Insn insn, long linear) {
        if (insn.form.vex() && !cpu.protectedMode()) {
            throw cpu.ud();
        }
        int size = insn.size[0];
        int countMask = size == 8 ? 63 : 31;
        switch (insn.op) {
            case ANDN -> {
                long a = ~operands.read(insn, 1, linear) & operands.read(insn, 2, linear);
                result(insn, linear, a, 0);
            }
            case BLSI -> {
                long a = operands.read(insn, 1, linear);
                result(insn, linear, a & -a, a == 0 ? 0 : CF);
            }
            case BLSR -> {
                long a = operands.read(insn, 1, linear);
                result(insn, linear, a & a - 1, a == 0 ? CF : 0);
            }
            case BLSMSK -> {
                long a = operands.read(insn, 1, linear);
                result(insn, linear, (a ^ a - 1) & Alu.mask(size), a == 0 ? CF : 0);
            }
            case BZHI -> {
                int n = (int) operands.read(insn, 2, linear) & 0xff;
                long a = operands.read(insn, 1, linear);
                boolean all = n >= size << 3;
                result(insn, linear, all ? a : a & (1L << n) - 1, all ? CF : 0);
            }
            case BEXTR -> {
                long control = operands.read(insn, 2, linear);
                int start = (int) control & 0xff;
                int length = (int) control >>> 8 & 0xff;
                long a = operands.read(insn, 1, linear);
                long r = start >= size << 3 ? 0 : a >>> start;
                result(insn, linear, length >= size << 3 ? r : r & (1L << length) - 1, AF);
            }
            case PDEP -> {
                long a = operands.read(insn, 1, linear);
                operands.write(insn, 0, linear, Long.expand(a, operands.read(insn, 2, linear)));
            }
            case PEXT -> {
                long a = operands.read(insn, 1, linear);
                operands.write(insn, 0, linear, Long.compress(a, operands.read(insn, 2, linear)));
            }
            case RORX -> {
                int n = (int) operands.read(insn, 2, linear) & countMask;
                long a = operands.read(insn, 1, linear);
                long r = size == 8 ? Long.rotateRight(a, n) : Integer.rotateRight((int) a, n);
                operands.write(insn, 0, linear, r);
            }
            case SARX -> {
                int n = (int) operands.read(insn, 2, linear) & countMask;
                operands.write(insn, 0, linear, Alu.signExtend(size, operands.read(insn, 1, linear)) >> n);
            }
            case SHLX -> {
                int n = (int) operands.read(insn, 2, linear) & countMask;
                operands.write(insn, 0, linear, operands.read(insn, 1, linear) << n);
            }
            case SHRX -> {
                int n = (int) operands.read(insn, 2, linear) & countMask;
                operands.write(insn, 0, linear, operands.read(insn, 1, linear) >>> n);
            }
            case MULX -> {
                long b = operands.read(insn, 2, linear);
                long a = operands.register(Cpu.RDX, size);
                long low = a * b;
                operands.write(insn, 1, linear, low);
                operands.write(insn, 0, linear, size == 8 ? Math.unsignedMultiplyHigh(a, b) : low >>> 32);
            }
            default -> throw new IllegalArgumentException(insn.op.name());
        }
    }

    private void result(Insn insn, long linear, long r, int flags) {
        alu.logic(insn.size[0], r);
        operands.write(insn, 0, linear, r);
        cpu.rflags(alu.flags() | flags);
    }
}
