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
    static final int REX_R = 4;
    static final int REX_X = 2;
    static final int REX_B = 1;

    private static final OperationTable TABLE = OperationTable.TABLE;
    private static final Form[] FORMS = TABLE.forms;
    private static final List<Form> ALL = List.of(FORMS);
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
            at = ModrmAddress.decode(code, at, limit, mode64, extension, into);
            if (at < 0) {
                return ended(from, limit);
            }
        }
        if (into.segment < 0) {
            into.segment = into.base == RSP || into.base == RBP ? SS : DS;
        }
        into.length = at - from;
        boolean exists =
                OperandDecoder.decode(code, from, limit, codeSize, number, register, wide, extension, vvvv, into);
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
        if (wide) {
            return 8;
        }
        return other ? 2 : form.has(Form.DEFAULT_64) ? 8 : 4;
    }
}
