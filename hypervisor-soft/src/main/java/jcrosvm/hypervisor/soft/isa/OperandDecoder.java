package jcrosvm.hypervisor.soft.isa;

/** Operands by the table's letters. */
final class OperandDecoder {
    private static final long[] LETTERS = OperationTable.TABLE.letters;

    private OperandDecoder() {}

    /** Fills the operands; false when the code ends (length becomes negative) or the encoding does not exist. */
    static boolean decode(
            byte[] code,
            int from,
            int limit,
            int codeSize,
            int number,
            boolean register,
            boolean wide,
            int extension,
            int vvvv,
            Insn into) {
        int at = from + into.length;
        int reg = into.modrm >> 3 & 7;
        int rm = into.modrm & 7;
        int extendedReg = reg | ((extension & Decoder.REX_R) != 0 ? 8 : 0);
        int extendedRm = rm | ((extension & Decoder.REX_B) != 0 ? 8 : 0);
        boolean usesVvvv = vvvv <= 0;
        for (int i = 0; i < Insn.OPERANDS; i++) {
            long letters = LETTERS[number << 2 | i];
            int size = size(Letters.size(letters), into, codeSize, wide);
            int kind = OperandKind.NONE;
            int value = 0;
            switch (Letters.method(letters)) {
                case Letters.NOTHING -> {}
                case Letters.E, Letters.M, Letters.R, Letters.W, Letters.U, Letters.Q, Letters.N -> {
                    if (register) {
                        kind = registerKind(Letters.method(letters));
                        value = kind == OperandKind.MMX ? rm : extendedRm;
                    } else {
                        kind = OperandKind.MEMORY;
                        size = size(Letters.memorySize(letters), into, codeSize, wide);
                    }
                }
                case Letters.G -> {
                    kind = OperandKind.GPR;
                    value = extendedReg;
                }
                case Letters.Z -> {
                    kind = OperandKind.GPR;
                    value = into.opcode & 7 | ((extension & Decoder.REX_B) != 0 ? 8 : 0);
                }
                case Letters.B -> {
                    kind = OperandKind.GPR;
                    value = vvvv;
                    usesVvvv = true;
                }
                case Letters.C -> {
                    kind = OperandKind.CONTROL;
                    value = extendedReg;
                    if (value > 4 && value != 8 || value == 1) {
                        into.length = at - from;
                        return false;
                    }
                }
                case Letters.D -> {
                    kind = OperandKind.DEBUG;
                    value = extendedReg;
                    if (value > 7) {
                        into.length = at - from;
                        return false;
                    }
                }
                case Letters.S -> {
                    kind = OperandKind.SEGMENT;
                    value = reg;
                    if (reg > 5 || reg == 1 && i == 0) {
                        into.length = at - from;
                        return false;
                    }
                }
                case Letters.V -> {
                    kind = OperandKind.XMM;
                    value = extendedReg;
                }
                case Letters.P -> {
                    kind = OperandKind.MMX;
                    value = reg;
                }
                case Letters.IMMEDIATE, Letters.SIGNED, Letters.J, Letters.SECOND -> {
                    if (at + size > limit) {
                        into.length = -1;
                        return false;
                    }
                    long immediate = CodeBytes.signed(code, at, size);
                    at += size;
                    int method = Letters.method(letters);
                    if (method == Letters.SECOND) {
                        kind = OperandKind.IMMEDIATE2;
                        into.imm2 = immediate & 0xff;
                    } else {
                        kind = method == Letters.J ? OperandKind.RELATIVE : OperandKind.IMMEDIATE;
                        boolean zero = method == Letters.IMMEDIATE && size < 8;
                        into.imm = zero ? immediate & (1L << 8 * size) - 1 : immediate;
                        size = method == Letters.J ? into.operandSize : immediateSize(letters, size, into);
                    }
                }
                case Letters.A -> {
                    if (at + size > limit) {
                        into.length = -1;
                        return false;
                    }
                    kind = OperandKind.FAR_POINTER;
                    into.imm = CodeBytes.signed(code, at, size - 2) & (1L << 8 * (size - 2)) - 1;
                    into.imm2 = CodeBytes.signed(code, at + size - 2, 2) & 0xffff;
                    at += size;
                }
                case Letters.O -> {
                    int bytes = into.addressSize;
                    if (at + bytes > limit) {
                        into.length = -1;
                        return false;
                    }
                    kind = OperandKind.MEMORY;
                    into.memory = true;
                    into.disp = CodeBytes.signed(code, at, bytes) & (bytes == 8 ? -1 : (1L << 8 * bytes) - 1);
                    at += bytes;
                }
                case Letters.FIXED_GPR -> {
                    kind = OperandKind.GPR;
                    value = Letters.register(letters);
                }
                case Letters.FIXED_SEGMENT -> {
                    kind = OperandKind.SEGMENT;
                    value = Letters.register(letters);
                }
                case Letters.FIXED_XMM -> kind = OperandKind.XMM;
                case Letters.FIXED_ST -> kind = OperandKind.ST;
                case Letters.STI -> {
                    kind = OperandKind.ST;
                    value = rm;
                }
                case Letters.CONSTANT_ONE -> {
                    kind = OperandKind.ONE;
                    into.imm = 1;
                }
                default -> {} // strings: implicit, the size alone is told
            }
            if (kind == OperandKind.GPR && size == 1 && value >= 4 && into.rex == 0) {
                kind = OperandKind.HIGH_BYTE;
                value -= 4;
            }
            into.kind[i] = kind;
            into.register[i] = value;
            into.size[i] = size;
        }
        into.length = at - from;
        return usesVvvv;
    }

    private static int registerKind(int method) {
        return switch (method) {
            case Letters.W, Letters.U -> OperandKind.XMM;
            case Letters.Q, Letters.N -> OperandKind.MMX;
            default -> OperandKind.GPR;
        };
    }

    private static int immediateSize(long letters, int size, Insn into) {
        return Letters.memorySize(letters) == Letters.SIZE_V ? into.operandSize : size;
    }

    private static int size(int code, Insn into, int codeSize, boolean wide) {
        if (code >= 0) {
            return code;
        }
        int operandSize = into.operandSize;
        return switch (code) {
            case Letters.SIZE_V -> operandSize;
            case Letters.SIZE_Z -> Math.min(operandSize, 4);
            case Letters.SIZE_Y -> wide ? 8 : 4;
            case Letters.SIZE_N -> codeSize == 8 ? 8 : 4;
            case Letters.SIZE_P -> operandSize + 2;
            case Letters.SIZE_S -> codeSize == 8 ? 10 : 6;
            case Letters.SIZE_A -> operandSize * 2;
            case Letters.SIZE_E -> operandSize == 2 ? 14 : 28;
            default -> operandSize == 2 ? 94 : 108;
        };
    }
}
