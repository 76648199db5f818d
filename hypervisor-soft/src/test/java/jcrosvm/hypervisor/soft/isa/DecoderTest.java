package jcrosvm.hypervisor.soft.isa;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class DecoderTest {
    private final Insn insn = new Insn();

    private int decode(int codeSize, String hex) {
        byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
        return Decoder.decode(code, 0, code.length, codeSize, insn);
    }

    private void decodesTo(int codeSize, String hex, Op op) {
        assertThat(decode(codeSize, hex)).as(hex).isEqualTo(hex.replace(" ", "").length() / 2);
        assertThat(insn.op).as(hex).isEqualTo(op);
    }

    private void operand(int i, int kind, int register, int size) {
        assertThat(insn.kind[i]).isEqualTo(kind);
        assertThat(insn.register[i]).isEqualTo(register);
        assertThat(insn.size[i]).isEqualTo(size);
    }

    @Test
    void registersAndSizes() {
        decodesTo(8, "4d 01 c1", Op.ADD);
        operand(0, OperandKind.GPR, 9, 8);
        operand(1, OperandKind.GPR, 8, 8);
        decodesTo(8, "00 e5", Op.ADD);
        operand(0, OperandKind.HIGH_BYTE, 1, 1);
        operand(1, OperandKind.HIGH_BYTE, 0, 1);
        decodesTo(8, "40 00 e5", Op.ADD);
        operand(0, OperandKind.GPR, 5, 1);
        decodesTo(2, "66 01 d8", Op.ADD);
        operand(0, OperandKind.GPR, 0, 4);
    }

    @Test
    void memoryOperands() {
        decodesTo(8, "64 4a 8b 84 e5 78 56 34 12", Op.MOV);
        assertThat(insn.segment).isEqualTo(4);
        assertThat(insn.base).isEqualTo(5);
        assertThat(insn.index).isEqualTo(12);
        assertThat(insn.scale).isEqualTo(3);
        assertThat(insn.disp).isEqualTo(0x12345678);
        decodesTo(8, "8b 05 f0 ff ff ff", Op.MOV);
        assertThat(insn.base).isEqualTo(Insn.RIP);
        assertThat(insn.disp).isEqualTo(-16);
        decodesTo(8, "8b 45 08", Op.MOV);
        assertThat(insn.segment).isEqualTo(2);
        decodesTo(8, "3e 8b 45 08", Op.MOV);
        assertThat(insn.segment).isEqualTo(2);
        decodesTo(4, "3e 8b 45 08", Op.MOV);
        assertThat(insn.segment).isEqualTo(3);
        decodesTo(2, "8b 42 fe", Op.MOV);
        assertThat(insn.base).isEqualTo(5);
        assertThat(insn.index).isEqualTo(6);
        assertThat(insn.disp).isEqualTo(-2);
        assertThat(insn.segment).isEqualTo(2);
        decodesTo(2, "8b 16 34 92", Op.MOV);
        assertThat(insn.base).isEqualTo(Insn.NONE);
        decodesTo(8, "48 a1 88 77 66 55 44 33 22 11", Op.MOV);
        assertThat(insn.disp).isEqualTo(0x1122334455667788L);
        operand(1, OperandKind.MEMORY, 0, 8);
        decodesTo(8, "8b 04 24", Op.MOV);
        assertThat(insn.index).isEqualTo(Insn.NONE);
        assertThat(insn.segment).isEqualTo(2);
    }

    @Test
    void immediates() {
        decodesTo(8, "48 83 c0 80", Op.ADD);
        assertThat(insn.imm).isEqualTo(-128);
        decodesTo(8, "48 81 c0 00 00 00 80", Op.ADD);
        assertThat(insn.imm).isEqualTo(Integer.MIN_VALUE);
        decodesTo(8, "48 b8 88 77 66 55 44 33 22 91", Op.MOV);
        assertThat(insn.imm).isEqualTo(0x9122334455667788L);
        decodesTo(8, "c8 34 82 1f", Op.ENTER);
        assertThat(insn.imm).isEqualTo(0x8234);
        assertThat(insn.imm2).isEqualTo(0x1f);
        decodesTo(4, "ea 78 56 34 92 cd ab", Op.JMP_FAR);
        assertThat(insn.imm).isEqualTo(0x92345678L);
        assertThat(insn.imm2).isEqualTo(0xabcd);
        decodesTo(8, "e9 00 00 00 80", Op.JMP);
        assertThat(insn.imm).isEqualTo(Integer.MIN_VALUE);
        decodesTo(8, "66 e9 00 80", Op.JMP);
        assertThat(insn.imm).isEqualTo(Short.MIN_VALUE);
        decodesTo(8, "66 48 e9 00 00 00 80", Op.JMP);
        assertThat(insn.imm).isEqualTo(Integer.MIN_VALUE);
        decodesTo(4, "66 e9 fe ff", Op.JMP);
        assertThat(insn.imm).isEqualTo(-2);
    }

    @Test
    void operandSizesOfTheStackAndOfBranches() {
        decodesTo(8, "50", Op.PUSH);
        assertThat(insn.operandSize).isEqualTo(8);
        decodesTo(8, "66 50", Op.PUSH);
        assertThat(insn.operandSize).isEqualTo(2);
        decodesTo(8, "66 c3", Op.RET); // as AMD's processors have it
        assertThat(insn.operandSize).isEqualTo(2);
        decodesTo(8, "66 63 07", Op.MOVSX);
        operand(0, OperandKind.GPR, 0, 2);
        assertThat(insn.size[1]).isEqualTo(4);
        decodesTo(8, "66 48 01 c0", Op.ADD);
        assertThat(insn.operandSize).isEqualTo(8);
        decodesTo(8, "48 66 01 c0", Op.ADD); // REX counts only as the last prefix
        assertThat(insn.operandSize).isEqualTo(2);
        decodesTo(8, "0f 22 c0", Op.MOV_TO_CR);
        operand(1, OperandKind.GPR, 0, 8);
        decodesTo(8, "44 0f 20 00", Op.MOV_FROM_CR); // any mod
        operand(1, OperandKind.CONTROL, 8, 8);
        assertThat(insn.memory).isFalse();
        decodesTo(4, "66 f2 0f 38 f1 c1", Op.CRC32);
        operand(0, OperandKind.GPR, 0, 4);
        operand(1, OperandKind.GPR, 1, 2);
        decodesTo(8, "66 0f 38 f6 c1", Op.ADCX);
        operand(0, OperandKind.GPR, 0, 4);
    }

    @Test
    void mandatoryPrefixes() {
        decodesTo(8, "f3 0f b8 c1", Op.POPCNT);
        decodesTo(8, "0f b8 c1", Op.UNDEFINED, 2);
        decodesTo(8, "66 f3 0f bc c1", Op.TZCNT);
        operand(0, OperandKind.GPR, 0, 2);
        decodesTo(8, "66 0f bc c1", Op.BSF);
        decodesTo(8, "f3 90", Op.PAUSE);
        decodesTo(8, "66 90", Op.NOP);
        decodesTo(8, "48 90", Op.NOP);
        decodesTo(8, "41 90", Op.XCHG);
        operand(0, OperandKind.GPR, 8, 4);
        decodesTo(8, "f3 0f 1e fa", Op.NOP);
        decodesTo(8, "0f c7 08", Op.CMPXCHG8B);
        decodesTo(8, "48 0f c7 08", Op.CMPXCHG16B);
        operand(0, OperandKind.MEMORY, 0, 16);
        decodesTo(8, "66 f3 0f 10 00", Op.SIMD);
        assertThat(insn.form.mnemonic()).isEqualTo("movss");
    }

    private void decodesTo(int codeSize, String hex, Op op, int length) {
        assertThat(decode(codeSize, hex)).as(hex).isGreaterThanOrEqualTo(length);
        assertThat(insn.op).as(hex).isEqualTo(op);
    }

    @Test
    void lockOnlyWhereAllowed() {
        decodesTo(8, "f0 01 00", Op.ADD);
        for (String hex : new String[] {"f0 01 c0", "f0 03 00", "f0 8b 00", "f0 39 00", "f0 90", "f0 0f a3 00"}) {
            decodesTo(8, hex, Op.UNDEFINED, 2);
        }
        decodesTo(8, "f0 87 00", Op.XCHG);
        decodesTo(8, "f0 0f ba 28 01", Op.BTS);
    }

    @Test
    void vexEncodings() {
        decodesTo(8, "c4 e2 78 f2 c1", Op.ANDN);
        operand(0, OperandKind.GPR, 0, 4);
        operand(1, OperandKind.GPR, 0, 4);
        operand(2, OperandKind.GPR, 1, 4);
        decodesTo(8, "c4 43 fb f0 c8 3f", Op.RORX);
        operand(0, OperandKind.GPR, 9, 8);
        operand(1, OperandKind.GPR, 8, 8);
        decodesTo(8, "c4 c2 b0 f3 c9", Op.BLSR);
        operand(0, OperandKind.GPR, 9, 8);
        operand(1, OperandKind.GPR, 9, 8);
        decodesTo(4, "c4 e2 e3 f7 c1", Op.SHRX);
        operand(0, OperandKind.GPR, 0, 4);
        operand(2, OperandKind.GPR, 3, 4);
        decodesTo(4, "c4 00", Op.LOAD_FAR);
        for (String hex : new String[] {
            "c4 e2 7c f2 c1", // VEX.L
            "66 c4 e2 78 f2 c1",
            "48 c4 e2 78 f2 c1",
            "f0 c4 e2 78 f2 01",
            "c4 43 bb f0 c8 3f", // vvvv without a use
            "c5 f8 28 c1",
            "c4 e1 78 28 c1",
            "62 f1 7c 48 28 c1"
        }) {
            decodesTo(8, hex, Op.UNDEFINED, 1);
        }
    }

    @Test
    void modes() {
        decodesTo(8, "63 c8", Op.MOVSX);
        decodesTo(4, "63 c8", Op.ARPL);
        decodesTo(4, "40", Op.INC);
        decodesTo(8, "06", Op.UNDEFINED, 1);
        decodesTo(4, "06", Op.PUSH_SREG);
        decodesTo(8, "8e c8", Op.UNDEFINED, 1); // MOV CS
        decodesTo(8, "8e f0", Op.UNDEFINED, 1);
        decodesTo(8, "0f 22 c8", Op.UNDEFINED, 1); // CR1
    }

    @Test
    void aShiftByZeroLeavesTheFlags() {
        decodesTo(8, "c1 e0 20", Op.SHL);
        assertThat(insn.form.flagsWritten()).isZero();
        decodesTo(8, "48 c1 e0 20", Op.SHL);
        assertThat(insn.form.flagsWritten()).isNotZero();
        decodesTo(8, "0f a4 c8 00", Op.SHLD);
        assertThat(insn.form.flagsWritten()).isZero();
    }

    @Test
    void lengths() {
        assertThat(decode(8, "48 b8 00 00")).isEqualTo(Decoder.TRUNCATED);
        assertThat(decode(8, "66 66 66 66")).isEqualTo(Decoder.TRUNCATED);
        assertThat(decode(8, "66".repeat(14) + "90")).isEqualTo(15);
        assertThat(decode(8, "66".repeat(15) + "90")).isEqualTo(Decoder.TOO_LONG);
        assertThat(decode(8, "66".repeat(12) + "81 c0 00 00")).isEqualTo(Decoder.TOO_LONG);
        assertThat(decode(8, "66".repeat(11) + "81 c0 00 00")).isEqualTo(15);
    }

    /** A shorter view of the same bytes is either the same instruction or TRUNCATED. */
    @Test
    void truncationIsSeen() {
        long seed = System.nanoTime();
        System.out.println("Decoder: truncation, seed " + seed);
        Random random = new Random(seed);
        byte[] code = new byte[Decoder.MAX_LENGTH];
        Insn shorter = new Insn();
        for (int i = 0; i < 200_000; i++) {
            random.nextBytes(code);
            int length = Decoder.decode(code, 0, code.length, 8, insn);
            if (length > 0 && insn.op != Op.UNDEFINED) {
                assertThat(Decoder.decode(code, 0, length - 1, 8, shorter)).isEqualTo(Decoder.TRUNCATED);
                assertThat(Decoder.decode(code, 0, length, 8, shorter)).isEqualTo(length);
            }
        }
    }
}
