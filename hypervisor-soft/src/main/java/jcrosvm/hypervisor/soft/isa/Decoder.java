package jcrosvm.hypervisor.soft.isa;

import java.util.List;

/** Bytes to instructions, by the operation table. Stateless; safe from any thread. */
public final class Decoder {
    /** No instruction is longer (SDM volume 2, 2.3.11). */
    public static final int MAX_LENGTH = 15;

    /** The bytes given end inside the instruction. */
    public static final int TRUNCATED = -1;
    /** Longer than {@link #MAX_LENGTH}: #GP(0). */
    public static final int TOO_LONG = -2;

    private static final int DS = 3;
    private static final int SS = 2;
    private static final int RSP = 4;
    private static final int RBP = 5;

    private static final int REX_W = 8;
    private static final int REX_R = 4;
    private static final int REX_X = 2;
    private static final int REX_B = 1;

    private static final OperationTable TABLE = OperationTable.TABLE;
    private static final Form[] FORMS = TABLE.forms;
    private static final List<Form> ALL = List.of(FORMS);
    private static final long[] LETTERS = TABLE.letters;
    private static final short[] CELLS = TABLE.cells;

    private Decoder() {}

    /** Every row of the operation table, one for each condition where there are sixteen. */
    public static List<Form> forms() {
        return ALL;
    }

    /**
     * Decodes one instruction. An encoding that does not exist is an instruction too, {@link Form#UNDEFINED}: #UD.
     *
     * @param from first byte in {@code code}
     * @param to behind the last byte that may be looked at
     * @param codeSize default operand and address size of the code segment: 2, 4, or 8 in 64-bit mode
     * @return its length, or {@link #TRUNCATED} or {@link #TOO_LONG}
     */
    public static int decode(byte[] code, int from, int to, int codeSize, Insn into) {
        int limit = Math.min(to, from + MAX_LENGTH);
        boolean mode64 = codeSize == 8;
        int at = from;
        int prefixes = 0;
        int rex = 0;
        int segment = -1;
        int opcode;
        for (; ; ) {
            if (at >= limit) {
                return ended(from, limit);
            }
            opcode = code[at++] & 0xff;
            if (mode64 && (opcode & 0xf0) == 0x40) {
                rex = opcode;
                continue;
            }
            switch (opcode) {
                case 0x66 -> prefixes |= Insn.PREFIX_OPERAND_SIZE;
                case 0x67 -> prefixes |= Insn.PREFIX_ADDRESS_SIZE;
                case 0xf0 -> prefixes |= Insn.PREFIX_LOCK;
                case 0xf2 -> prefixes = prefixes & ~Insn.PREFIX_REP | Insn.PREFIX_REPNE;
                case 0xf3 -> prefixes = prefixes & ~Insn.PREFIX_REPNE | Insn.PREFIX_REP;
                case 0x26, 0x2e, 0x36, 0x3e -> {
                    prefixes |= Insn.PREFIX_SEGMENT;
                    segment = mode64 ? segment : opcode >> 3 & 3;
                }
                case 0x64, 0x65 -> {
                    prefixes |= Insn.PREFIX_SEGMENT;
                    segment = opcode & 7;
                }
                default -> {
                    into.prefixes = prefixes;
                    into.rex = rex;
                    into.segment = segment;
                    into.opcode = opcode;
                    return opcode(code, from, at, limit, codeSize, into);
                }
            }
            rex = 0; // counts only immediately before the opcode
        }
    }

    private static int ended(int from, int limit) {
        return limit - from < MAX_LENGTH ? TRUNCATED : TOO_LONG;
    }

    private static int undefined(int length, Insn into) {
        into.form = Form.UNDEFINED;
        into.op = Op.UNDEFINED;
        into.length = length;
        into.memory = false;
        into.modrm = -1;
        for (int i = 0; i < Insn.OPERANDS; i++) {
            into.kind[i] = OperandKind.NONE;
        }
        return length;
    }

    /** From the first byte of the opcode on. */
    private static int opcode(byte[] code, int from, int after, int limit, int codeSize, Insn into) {
        int at = after;
        int opcode = into.opcode;
        int prefixes = into.prefixes;
        boolean mode64 = codeSize == 8;
        int map = 0;
        int vvvv = -1;
        boolean wide = (into.rex & REX_W) != 0;
        int extension = into.rex;
        int column = (prefixes & Insn.PREFIX_REP) != 0
                ? 2
                : (prefixes & Insn.PREFIX_REPNE) != 0 ? 3 : (prefixes & Insn.PREFIX_OPERAND_SIZE) != 0 ? 1 : 0;
        if (opcode == 0x0f) {
            map = 1;
            if (at >= limit) {
                return ended(from, limit);
            }
            opcode = code[at++] & 0xff;
            if (opcode == 0x38 || opcode == 0x3a) {
                map = opcode == 0x38 ? 2 : 3;
                if (at >= limit) {
                    return ended(from, limit);
                }
                opcode = code[at++] & 0xff;
            }
        } else if (opcode == 0xc4 || opcode == 0xc5) {
            if (at >= limit) {
                return ended(from, limit);
            }
            if (mode64 || (code[at] & 0xc0) == 0xc0) {
                // VEX: those of two bytes only reach map 0F, where we know none.
                int forbidden = Insn.PREFIX_LOCK | Insn.PREFIX_REP | Insn.PREFIX_REPNE | Insn.PREFIX_OPERAND_SIZE;
                if ((prefixes & forbidden) != 0 || into.rex != 0 || opcode == 0xc5) {
                    return undefined(at - from, into);
                }
                if (at + 3 > limit) {
                    return ended(from, limit);
                }
                int second = code[at] & 0xff;
                int third = code[at + 1] & 0xff;
                opcode = code[at + 2] & 0xff;
                at += 3;
                map = 2 + (second & 0x1f);
                if ((map != 4 && map != 5) || (third & 4) != 0) {
                    return undefined(at - from, into);
                }
                column = third & 3;
                wide = mode64 && (third & 0x80) != 0;
                extension = mode64 ? ~second >> 5 & 7 : 0;
                vvvv = ~third >> 3 & (mode64 ? 15 : 7);
            }
        }
        into.opcode = opcode;
        int number = CELLS[OperationTable.cell(mode64, map, opcode, column)];
        int modrm = -1;
        if (number < 0 || TABLE.modrm[number]) {
            if (at >= limit) {
                return ended(from, limit);
            }
            modrm = code[at++] & 0xff;
            if (number < 0) {
                int reg = modrm >> 3 & 7;
                number = CELLS[OperationTable.follow(number) + reg + (modrm >= 0xc0 ? 8 : 0)];
                if (number < 0) {
                    number = CELLS[OperationTable.follow(number) + (modrm & 7)];
                }
            }
        }
        if (number == 0) {
            return undefined(at - from, into);
        }
        int twin = TABLE.twinKind[number];
        if (twin == Row.TWIN_W && wide || twin == Row.TWIN_B && (extension & REX_B) != 0) {
            number = TABLE.twin[number];
        }
        Form form = FORMS[number];
        into.form = form;
        into.op = form.operation();
        into.modrm = modrm;
        into.operandSize = operandSize(form, codeSize, wide, prefixes);
        into.addressSize = (prefixes & Insn.PREFIX_ADDRESS_SIZE) == 0 ? codeSize : codeSize == 4 ? 2 : 4;

        // MOV of control and debug registers takes every mod for a register.
        boolean register = modrm >= 0xc0 || map == 1 && (opcode & 0xfc) == 0x20;
        if (register && modrm >= 0 ? form.has(Form.MEMORY_ONLY) : form.has(Form.REGISTER_ONLY)) {
            return undefined(at - from, into);
        }
        if ((prefixes & Insn.PREFIX_LOCK) != 0 && (!form.has(Form.LOCKABLE) || register)) {
            return undefined(at - from, into);
        }
        into.memory = false;
        into.base = Insn.NONE;
        into.index = Insn.NONE;
        into.scale = 0;
        into.disp = 0;
        into.imm = 0;
        into.imm2 = 0;
        if (modrm >= 0 && !register) {
            at = address(code, at, limit, mode64, extension, into);
            if (at < 0) {
                return ended(from, limit);
            }
        }
        if (into.segment < 0) {
            into.segment = into.base == RSP || into.base == RBP ? SS : DS;
        }
        into.length = at - from;
        boolean exists = operands(code, from, limit, codeSize, number, register, wide, extension, vvvv, into);
        if (!exists) {
            return into.length < 0 ? ended(from, limit) : undefined(into.length, into);
        }
        if (twin == Row.TWIN_COUNT && (into.imm & (into.size[0] == 8 ? 63 : 31)) == 0) {
            into.form = FORMS[TABLE.twin[number]];
        }
        return into.length;
    }

    private static int operandSize(Form form, int codeSize, boolean wide, int prefixes) {
        boolean other = (prefixes & Insn.PREFIX_OPERAND_SIZE) != 0 && form.prefix() != 0x66;
        if (codeSize != 8) {
            return (codeSize == 2) == other ? 4 : 2;
        }
        if (wide || form.has(Form.FORCE_64)) {
            return 8;
        }
        return other ? 2 : form.has(Form.DEFAULT_64) ? 8 : 4;
    }

    /** The memory operand of ModRM; returns where it ends, or -1. */
    private static int address(byte[] code, int after, int limit, boolean mode64, int extension, Insn into) {
        into.memory = true;
        int at = after;
        int mod = into.modrm >> 6;
        int rm = into.modrm & 7;
        int displacement = mod == 1 ? 1 : mod == 0 ? 0 : into.addressSize == 2 ? 2 : 4;
        if (into.addressSize == 2) {
            if (mod == 0 && rm == 6) {
                displacement = 2;
            } else {
                // BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP, BX
                into.base = rm < 4 ? (rm < 2 ? 3 : 5) : rm < 6 ? rm + 2 : rm == 6 ? 5 : 3;
                into.index = rm < 4 ? 6 + (rm & 1) : Insn.NONE;
            }
        } else if (rm == 4) {
            if (at >= limit) {
                return -1;
            }
            int sib = code[at++] & 0xff;
            into.scale = sib >> 6;
            int index = sib >> 3 & 7 | ((extension & REX_X) != 0 ? 8 : 0);
            into.index = index == 4 ? Insn.NONE : index;
            if ((sib & 7) == 5 && mod == 0) {
                displacement = 4;
            } else {
                into.base = sib & 7 | ((extension & REX_B) != 0 ? 8 : 0);
            }
        } else if (rm == 5 && mod == 0) {
            displacement = 4;
            into.base = mode64 ? Insn.RIP : Insn.NONE;
        } else {
            into.base = rm | ((extension & REX_B) != 0 ? 8 : 0);
        }
        if (at + displacement > limit) {
            return -1;
        }
        into.disp = signed(code, at, displacement);
        return at + displacement;
    }

    /** Fills the operands; false when the code ends (length becomes negative) or the encoding does not exist. */
    private static boolean operands(
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
        int extendedReg = reg | ((extension & REX_R) != 0 ? 8 : 0);
        int extendedRm = rm | ((extension & REX_B) != 0 ? 8 : 0);
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
                    value = into.opcode & 7 | ((extension & REX_B) != 0 ? 8 : 0);
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
                    long immediate = signed(code, at, size);
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
                    into.imm = signed(code, at, size - 2) & (1L << 8 * (size - 2)) - 1;
                    into.imm2 = signed(code, at + size - 2, 2) & 0xffff;
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
                    into.disp = signed(code, at, bytes) & (bytes == 8 ? -1 : (1L << 8 * bytes) - 1);
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

    private static long signed(byte[] code, int at, int size) {
        return switch (size) {
            case 0 -> 0;
            case 1 -> code[at];
            case 2 -> code[at] & 0xff | code[at + 1] << 8;
            case 4 -> word(code, at);
            default -> word(code, at) & 0xffff_ffffL | (long) word(code, at + 4) << 32;
        };
    }

    private static int word(byte[] code, int at) {
        return code[at] & 0xff | (code[at + 1] & 0xff) << 8 | (code[at + 2] & 0xff) << 16 | code[at + 3] << 24;
    }
}
