package jcrosvm.hypervisor.soft.cpu;

/**
 * Offsets in the memory that a processor shares with generated code. The stack pointer of generated code points at
 * offset 0; what it uses most lies within the reach of a signed byte.
 */
public final class StateLayout {
    /** 16 longs: rAX, rCX, rDX, rBX, rSP, rBP, rSI, rDI, r8 to r15. */
    public static final int GPR = 0;

    public static final int RIP = 128;
    /** Complete RFLAGS whenever Java code looks. */
    public static final int RFLAGS = 136;
    /** An int of {@link Pending} bits, set by any thread: generated code leaves soon when it is not zero. */
    public static final int PENDING = 144;
    /** Bases of ES, CS, SS, DS, FS, GS, LDTR, TR: 8 longs. */
    public static final int SEGMENT_BASE = 152;

    /** 512 bytes in the format of FXSAVE64: x87, MXCSR at +24, XMM0 to XMM15 at +160. */
    public static final int FX = 512;

    public static final int MXCSR = FX + 24;
    public static final int XMM = FX + 160;

    /** For values on their way between guest memory outside RAM and re-encoded instructions. */
    public static final int BOUNCE = 1024;

    public static final int BOUNCE_SIZE = 1024;

    /** Free for the translator's own use. */
    public static final int TRANSLATOR = 2048;

    public static final int TRANSLATOR_SIZE = 1 << 20;

    /** The translation lookaside buffers, see {@code mmu.Tlb}. */
    public static final int TLB = TRANSLATOR + TRANSLATOR_SIZE;

    public static final int TLB_SIZE = 512 << 10;

    public static final int SIZE = (TLB + TLB_SIZE + 4095) & -4096;

    /** Bytes of nothing below offset 0, where the kernel puts signal frames. */
    public static final int SIGNAL_SPACE = 1 << 20;

    private StateLayout() {}
}
