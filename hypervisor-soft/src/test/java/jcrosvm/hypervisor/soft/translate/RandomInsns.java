package jcrosvm.hypervisor.soft.translate;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Predicate;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;

/**
 * Random instructions that the translator does itself and that do not fault: memory operands lie behind r13 or r10, up
 * to 4 KiB with r11 or r12 as an index; those and the stack pointer stay as they are.
 */
final class RandomInsns {
    private static final int FIXED = 1 << 4 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13;

    private final Random random;
    private final Insn insn = new Insn();

    RandomInsns(Random random) {
        this.random = random;
    }

    /** The bytes of one that {@code filter} lets pass, with others before it that it needs. */
    byte[] next(Predicate<Insn> filter) {
        byte[] bytes = new byte[16];
        while (true) {
            int at = 0;
            if (random.nextInt(6) == 0) {
                bytes[at++] = 0x66;
            }
            int repeat = random.nextInt(6);
            if (repeat < 2) {
                bytes[at++] = (byte) (0xf2 + repeat);
            }
            if (random.nextInt(20) == 0) {
                bytes[at++] = (byte) 0xf0;
            }
            if (random.nextInt(3) != 0) {
                bytes[at++] = (byte) (0x40 | random.nextInt(16));
            }
            int map = random.nextInt(5);
            if (map > 1) {
                bytes[at++] = 0x0f;
                if (map == 4) {
                    bytes[at++] = (byte) (random.nextBoolean() ? 0x38 : 0x3a);
                }
            }
            int opcodeAt = at;
            for (; at < bytes.length; at++) {
                bytes[at] = (byte) random.nextInt();
            }
            if (map < 2 && random.nextInt(20) == 0) {
                bytes[opcodeAt] = (byte) (random.nextBoolean() ? 0xa4 : 0xaa); // MOVS, STOS
                bytes[opcodeAt] |= (byte) random.nextInt(2);
            }
            if (random.nextInt(2) == 0) {
                int rm = random.nextInt(4); // [r13/rbp+disp32], [r10/rdx+disp32], or with an index
                boolean index = rm >= 2;
                int modrm = opcodeAt + 1;
                bytes[modrm] = (byte) (0x80 | bytes[modrm] & 0x38 | (index ? 4 : rm == 0 ? 5 : 2));
                int disp = modrm + 1;
                if (index) {
                    bytes[disp++] =
                            (byte) (random.nextInt(2) << 6 | (rm == 2 ? 3 : 4) << 3 | random.nextInt(2) * 3 + 2);
                }
                int offset = random.nextInt(3000) & (random.nextBoolean() ? -1 : -16);
                bytes[disp] = (byte) offset;
                bytes[disp + 1] = (byte) (offset >> 8);
                bytes[disp + 2] = 0;
                bytes[disp + 3] = 0;
            }
            int length = Decoder.decode(bytes, 0, bytes.length, 8, insn);
            if (length > 0 && accepts(insn) && filter.test(insn)) {
                byte[] one = Arrays.copyOf(bytes, length);
                return insn.op == Op.STOS || insn.op == Op.MOVS ? withOperands(one) : one;
            }
        }
    }

    /** A repeated string instruction behind others that point its registers at the memory, and count. */
    private byte[] withOperands(byte[] repeated) {
        ByteBuffer out = ByteBuffer.allocate(19 + repeated.length).order(ByteOrder.LITTLE_ENDIAN);
        boolean near = random.nextBoolean();
        int to = random.nextInt(3000);
        int from = near ? Math.clamp(to + random.nextInt(33) - 16, 0, 2999) : random.nextInt(3000);
        out.put(new byte[] {0x49, (byte) 0x8d, (byte) 0xbd}).putInt(to); // lea rdi, [r13+to]
        out.put(new byte[] {0x49, (byte) 0x8d, (byte) (near ? 0xb5 : 0xb2)}).putInt(from); // lea rsi, [r13 or r10+from]
        int count = random.nextInt(3) == 0 ? random.nextInt(600) : random.nextInt(20);
        return out.put((byte) 0xb9).putInt(count).put(repeated).array(); // mov ecx, count
    }

    /** The one that {@link #next} returned. */
    Insn last() {
        return insn;
    }

    private static boolean accepts(Insn insn) {
        if (!PlainCode.supports(insn) && !SpecialCode.supports(insn)) {
            return false;
        }
        switch (insn.op) {
            case DIV, IDIV, LEAVE, FENCE, SERIALIZE, PAUSE, CMPXCHG16B -> {
                return false;
            }
            case POP -> {
                if (insn.register[0] == 4) {
                    return false;
                }
            }
            default -> {}
        }
        if ((insn.form.registersWritten() & FIXED & ~(1 << 4)) != 0) {
            return false;
        }
        if (insn.base == Insn.RIP && insn.memory) {
            return false; // the native code lies elsewhere
        }
        if (insn.memory && insn.op != Op.LEA) {
            boolean base = insn.base == 13 || insn.base == 10;
            boolean index = insn.index == Insn.NONE || insn.index == 11 || insn.index == 12;
            if (!base || !index || insn.addressSize != 8 || insn.segment >= 4 || insn.disp < 0 || insn.disp >= 3000) {
                return false;
            }
            if (insn.form.has(Form.ALIGNED_16) && (insn.disp & 15) != 0) {
                return false;
            }
            if (insn.op == Op.BT || insn.op == Op.BTS || insn.op == Op.BTR || insn.op == Op.BTC) {
                if (insn.kind[1] != OperandKind.IMMEDIATE && insn.register[1] != 11 && insn.register[1] != 12) {
                    return false;
                }
            }
        }
        for (int i = 0; i < Insn.OPERANDS; i++) {
            boolean writes = i < insn.form.accesses().length && (insn.form.accesses()[i] & Form.WRITE) != 0;
            if (insn.kind[i] == OperandKind.GPR && writes && (FIXED >> insn.register[i] & 1) != 0) {
                return false;
            }
        }
        return true;
    }
}
