package jcrosvm.hypervisor.soft.isa;

/** What a decoded operand is; {@link Insn#register} has the register's number. */
public final class OperandKind {
    public static final int NONE = 0;
    /** A general-purpose register, 0 to 15. */
    public static final int GPR = 1;
    /** Bits 8 to 15 of rAX, rCX, rDX or rBX: the number is 0 to 3. */
    public static final int HIGH_BYTE = 2;
    /** Memory at the instruction's effective address. */
    public static final int MEMORY = 3;
    /** {@link Insn#imm}, sign- or zero-extended as the instruction says. */
    public static final int IMMEDIATE = 4;
    /** A branch displacement in {@link Insn#imm}, relative to the next instruction. */
    public static final int RELATIVE = 5;
    /** {@link Insn#imm2}:{@link Insn#imm}, a selector and an offset. */
    public static final int FAR_POINTER = 6;
    /** A segment register: ES 0, CS 1, SS 2, DS 3, FS 4, GS 5. */
    public static final int SEGMENT = 7;

    public static final int CONTROL = 8;
    public static final int DEBUG = 9;
    public static final int XMM = 10;
    public static final int MMX = 11;
    /** ST(n). */
    public static final int ST = 12;
    /** {@link Insn#imm2}: the second immediate of ENTER and of EXTRQ/INSERTQ. */
    public static final int IMMEDIATE2 = 13;
    /** The constant 1 of the short shifts. */
    public static final int ONE = 14;

    private OperandKind() {}
}
