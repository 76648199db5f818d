package jcrosvm.hypervisor.soft.translate;

import jcrosvm.hypervisor.soft.cpu.StateLayout;

/**
 * What generated code keeps where.
 *
 * <p>The host's stack pointer is the address of the processor's state; below it lies one word for a call. Guest
 * registers stay in host registers, all but r9 to r11, whose host namesakes hold the guest's rSP (r9) and temporary
 * values (r10, r11). The arithmetic flags are the host's own, or saved in {@link #FLAGS}.
 */
final class Frame {
    private static final int AREA = StateLayout.TRANSLATOR;

    /**
     * Saved flags: bit 0 is OF, the second byte as LAHF gives it; the upper half is 0, or says that they are recorded
     * ({@link FlagRecord}).
     */
    static final int FLAGS = AREA;
    /** Number of the site that code was left at. */
    static final int SITE = AREA + 8;
    /** Of the time when code was left. */
    static final int R10 = AREA + 16;

    static final int R11 = AREA + 24;
    /** The JVM's stack pointer while generated code runs. */
    static final int HOST_RSP = AREA + 32;
    /** Where to enter. */
    static final int ENTRY = AREA + 40;
    /** Whether the XMM registers and MXCSR are the guest's. */
    static final int XMM_LOADED = AREA + 48;

    static final int JVM_MXCSR = AREA + 52;
    /** A value between the two accesses of an instruction. */
    static final int TEMPORARY = AREA + 56;

    static final int SAVED_RAX = AREA + 64;

    // Copies of what the processor keeps as fields, made before code is entered.

    /** Six selectors, 2 bytes each. */
    static final int SELECTORS = AREA + 72;
    /** Whether an interrupt waits for RFLAGS.IF. */
    static final int INTERRUPT_WAITING = AREA + 84;
    /** Copied back when code was left. */
    static final int KERNEL_GS_BASE = AREA + 88;
    /** From the guest's address of what is copied to the host's. */
    static final int DISTANCE = AREA + 96;
    /** Which instructions may run here; the others are the interpreter's. */
    static final int ALLOWED = AREA + 85;

    static final int MAY_CALL = 1;
    static final int MAY_RETURN = 2;
    static final int MAY_READ_TIME = 4;

    // What SYSCALL and SYSRET use: LSTAR, ~SFMASK, CS and SS of each.
    static final int LSTAR = AREA + 104;
    static final int KEPT_FLAGS = AREA + 112;
    static final int CALL_SELECTORS = AREA + 120;
    static final int RETURN_SELECTORS = AREA + 124;
    /** One of the following when code has changed the privilege level and Java does not know. */
    static final int LEVEL = AREA + 86;

    static final int AT_SUPERVISOR = 1;
    static final int AT_USER = 2;

    /** Seven registers while C code runs. */
    static final int SAVED = AREA + 128;
    /** What clock_gettime fills in, its address, and what to add to it for the time stamp counter. */
    static final int TIMESPEC = AREA + 192;

    static final int CLOCK_GETTIME = AREA + 208;
    static final int TIME_OFFSET = AREA + 216;
    static final int TSC_AUX = AREA + 224;
    /** CR0 to CR4, 8 bytes each. */
    static final int CONTROL = AREA + 232;

    // Values of a FlagRecord: operands, the result of an addition with carry, the result of INC or DEC.
    static final int RECORD_A = AREA + 272;
    static final int RECORD_B = AREA + 280;
    static final int RECORD_RESULT = AREA + 288;
    static final int RECORD_LAST = AREA + 296;

    /** One table for each context of the TLB: pairs of a linear address and the host address of its code. */
    static final int JUMPS = AREA + 4096;
    /** The offset of an address's pair: its lower half times a factor, shifted, masked. */
    static final int JUMP_FACTOR = 0x9e3779b1;

    static final int JUMP_SHIFT = 14;
    static final int JUMP_MASK = 0x3fff0;
    static final int JUMPS_SIZE = JUMP_MASK + 16;

    static final int TEMP0 = 10;
    static final int TEMP1 = 11;
    static final int STATE = Assembler.RSP;

    /** Host register of each guest register, -1 for those in the state. */
    private static final int[] HOST = {0, 1, 2, 3, 9, 5, 6, 7, 8, -1, -1, -1, 12, 13, 14, 15};

    private Frame() {}

    static int host(int guest) {
        return HOST[guest];
    }

    static int jumps(int context) {
        return JUMPS + context * JUMPS_SIZE;
    }

    /** Offset of an address's pair in its table. */
    static int jumpOffset(long linear) {
        return (int) linear * JUMP_FACTOR >>> JUMP_SHIFT & JUMP_MASK;
    }
}
