package jcrosvm.hypervisor.soft.isa;

/**
 * A decoded instruction. Mutable, so that a decoder can fill the same one again; code that keeps it must not share it.
 *
 * <p>Operands are resolved: 0 is the destination where there is one, in the order of Intel's syntax. There is at most
 * one operand in memory, which the address fields describe; implicit ones (stack, string instructions) have none.
 */
public final class Insn {
    public static final int OPERANDS = 4;
    /** No base or no index register. */
    public static final int NONE = -1;
    /** As {@link #base}: the address of the next instruction. */
    public static final int RIP = 16;

    public static final int PREFIX_LOCK = 1;
    public static final int PREFIX_REP = 2; // F3
    public static final int PREFIX_REPNE = 4; // F2
    public static final int PREFIX_OPERAND_SIZE = 8; // 66
    public static final int PREFIX_ADDRESS_SIZE = 16; // 67
    public static final int PREFIX_SEGMENT = 32; // any override

    public Form form = Form.UNDEFINED;
    public Op op = Op.UNDEFINED;
    /** Bytes. */
    public int length;
    /** The last opcode byte, as it stands in the code. */
    public int opcode;

    public int prefixes;
    /** The REX byte, or 0. The R, X, B, W and vvvv of a VEX prefix are in the operands. */
    public int rex;
    /** The ModRM byte, or -1. */
    public int modrm;
    /** Of the v operands: 2, 4 or 8 bytes. */
    public int operandSize;
    /** 2, 4 or 8 bytes. */
    public int addressSize;

    public final int[] kind = new int[OPERANDS];
    public final int[] register = new int[OPERANDS];
    /** Bytes. */
    public final int[] size = new int[OPERANDS];

    /** Whether there is an explicit memory operand (ModRM, moffs, or LEA's). */
    public boolean memory;
    /** Segment of the memory operand, or of the source of a string instruction, after overrides. */
    public int segment;
    /** GPR number, {@link #RIP} or {@link #NONE}. */
    public int base;

    public int index;
    /** Of the index: log2. */
    public int scale;

    public long disp;

    public long imm;
    public long imm2;

    public boolean has(int prefix) {
        return (prefixes & prefix) != 0;
    }

    /** Of one with a memory operand: whether what it does there is atomic. */
    public boolean isLocked() {
        return has(PREFIX_LOCK) || form.has(Form.ATOMIC);
    }
}
