package jcrosvm.hypervisor.soft.isa;

/**
 * One row of the operation table: an encoding and what must be known of it to decode, translate and interpret it.
 *
 * @param mnemonic the SDM's, lower case
 * @param operation its meaning
 * @param opcode the last opcode byte (the first of a row that covers a register range)
 * @param map opcode map: 0 one byte, 1 0F, 2 0F 38, 3 0F 3A
 * @param prefix mandatory prefix: 0 none, 0x66, 0xF3, 0xF2
 * @param vex encoded with VEX
 * @param group value of ModRM.reg that selects the row, or -1
 * @param operands the SDM's letters, such as {@code Ev}, {@code Gv}, {@code Ib}; at most four
 * @param accesses beside each operand, bit set of {@link #READ} and {@link #WRITE}
 * @param flagsRead RFLAGS bits that it looks at, or may leave as they were although it usually writes them
 * @param flagsWritten RFLAGS bits that it defines or leaves undefined
 * @param flagsUndefined those of them that are left undefined
 * @param registersRead bit set of the general registers that it reads beside its operands (implicitly)
 * @param registersWritten bit set of the general registers that it writes beside its operands
 * @param attributes bit set of the constants below
 * @param feature what CPUID calls the extension it belongs to, empty for the base set
 */
public record Form(
        String mnemonic,
        Op operation,
        int opcode,
        int map,
        int prefix,
        boolean vex,
        int group,
        String[] operands,
        int[] accesses,
        int flagsRead,
        int flagsWritten,
        int flagsUndefined,
        int registersRead,
        int registersWritten,
        int attributes,
        String feature) {
    public static final int READ = 1;
    public static final int WRITE = 2;

    /** LOCK is allowed when the destination is memory. */
    public static final int LOCKABLE = 1;
    /** #GP unless CPL is 0 (in the manner of each instruction). */
    public static final int PRIVILEGED = 1 << 1;
    /** Control may go elsewhere, or the meaning of what follows may change. */
    public static final int ENDS_BLOCK = 1 << 2;
    /** Can raise an exception even without a memory operand. */
    public static final int MAY_FAULT = 1 << 3;
    /** Atomic without LOCK (XCHG with memory). */
    public static final int ATOMIC = 1 << 4;
    /** #UD in 64-bit mode. */
    public static final int NOT_IN_64 = 1 << 5;
    /** #UD outside 64-bit mode. */
    public static final int ONLY_IN_64 = 1 << 6;
    /** Operand size is 64 in 64-bit mode unless 66 makes it 16. */
    public static final int DEFAULT_64 = 1 << 7;
    /** #GP when a 16-byte memory operand is misaligned. */
    public static final int ALIGNED_16 = 1 << 9;
    /** Takes a REP prefix. */
    public static final int REP = 1 << 10;
    /** Only a register as ModRM.rm; otherwise #UD. */
    public static final int REGISTER_ONLY = 1 << 11;
    /** Only memory as ModRM.rm; otherwise #UD. */
    public static final int MEMORY_ONLY = 1 << 12;
    /** Computes under MXCSR and may raise #XM. */
    public static final int MXCSR = 1 << 13;

    /** What an encoding without a row decodes to. */
    public static final Form UNDEFINED = new Form(
            "(bad)",
            Op.UNDEFINED,
            0,
            0,
            0,
            false,
            -1,
            new String[0],
            new int[0],
            0,
            0,
            0,
            0,
            0,
            ENDS_BLOCK | MAY_FAULT,
            "");

    public boolean has(int attribute) {
        return (attributes & attribute) != 0;
    }
}
