package jcrosvm.hypervisor.soft.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import jcrosvm.base.io.Mapping;

/**
 * The registers of one virtual processor. Those that generated code uses live outside the heap ({@link StateLayout});
 * the rest are fields. Belongs to the thread that runs the processor, except {@link #request}.
 *
 * <p>Code that changes CR0, CR4, EFER, CS or CPL calls {@link #modeChanged} afterwards.
 */
public final class Cpu {
    public static final int RAX = 0;
    public static final int RCX = 1;
    public static final int RDX = 2;
    public static final int RBX = 3;
    public static final int RSP = 4;
    public static final int RBP = 5;
    public static final int RSI = 6;
    public static final int RDI = 7;
    public static final int R11 = 11;

    public static final int ES = 0;
    public static final int CS = 1;
    public static final int SS = 2;
    public static final int DS = 3;
    public static final int FS = 4;
    public static final int GS = 5;
    public static final int LDTR = 6;
    public static final int TR = 7;
    public static final int SEGMENTS = 8;

    /** Segment attributes are bits 8 to 23 of a descriptor's high half shifted down by 8, limit bits zero. */
    public static final int ATTR_TYPE = 0xf;

    public static final int ATTR_S = 1 << 4;
    public static final int ATTR_DPL_SHIFT = 5;
    public static final int ATTR_P = 1 << 7;
    public static final int ATTR_AVL = 1 << 12;
    public static final int ATTR_L = 1 << 13;
    public static final int ATTR_DB = 1 << 14;
    public static final int ATTR_G = 1 << 15;
    /** Not part of a descriptor: a null selector was loaded. */
    public static final int ATTR_UNUSABLE = 1 << 16;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final VarHandle PENDING = INT.varHandle();

    private final int id;
    private final Mapping mapping;
    private final MemorySegment state;
    private final GuestException exception = new GuestException();

    // Public fields: plain data that several packages of this module share, without invariants of their own.
    public final int[] selector = new int[SEGMENTS];
    /** Last byte's offset, scaled, as an unsigned 32-bit value. */
    public final long[] limit = new long[SEGMENTS];

    public final int[] attributes = new int[SEGMENTS];
    public long gdtBase;
    public int gdtLimit;
    public long idtBase;
    public int idtLimit;
    public long cr0;
    public long cr2;
    public long cr3;
    public long cr4;
    public long efer;
    public long xcr0;
    public final long[] dr = new long[8]; // 4 and 5 unused
    public int cpl;
    public long star;
    public long lstar;
    public long cstar;
    public long sfmask;
    public long kernelGsBase;
    public long sysenterCs;
    public long sysenterEsp;
    public long sysenterEip;
    public long tscAux;

    /** HLT was executed and nothing has woken the processor yet. */
    public boolean halted;
    /** Interrupts wait for the end of the next instruction (after STI, MOV SS, POP SS). */
    public boolean interruptShadow;

    public boolean nmiBlocked;
    /** An interrupt waits for RFLAGS.IF, or an NMI for the end of the one before: see {@link #unblocked}. */
    public boolean interruptWaiting;

    // Derived by modeChanged.
    private int codeSize = 2;
    private int stackSize = 2;
    private boolean protectedMode;
    private boolean longMode;

    public Cpu(int id) {
        this.id = id;
        mapping = Mapping.anonymous(StateLayout.SIGNAL_SPACE + StateLayout.SIZE);
        state = mapping.segment().asSlice(StateLayout.SIGNAL_SPACE, StateLayout.SIZE);
    }

    /** The APIC id it was created with. */
    public int id() {
        return id;
    }

    /** The memory of {@link StateLayout}. */
    public MemorySegment state() {
        return state;
    }

    // General registers

    public long gpr(int n) {
        return state.get(LONG, StateLayout.GPR + 8L * n);
    }

    public void gpr(int n, long value) {
        state.set(LONG, StateLayout.GPR + 8L * n, value);
    }

    public long rip() {
        return state.get(LONG, StateLayout.RIP);
    }

    public void rip(long value) {
        state.set(LONG, StateLayout.RIP, value);
    }

    public long rflags() {
        return state.get(LONG, StateLayout.RFLAGS);
    }

    public void rflags(long value) {
        state.set(LONG, StateLayout.RFLAGS, value);
    }

    public boolean flag(int bit) {
        return (rflags() & bit) != 0;
    }

    public long segmentBase(int segment) {
        return state.get(LONG, StateLayout.SEGMENT_BASE + 8L * segment);
    }

    public void segmentBase(int segment, long base) {
        state.set(LONG, StateLayout.SEGMENT_BASE + 8L * segment, base);
    }

    // Requests

    public int pending() {
        return (int) PENDING.getAcquire(state, (long) StateLayout.PENDING);
    }

    /** Sets {@link Pending} bits; from any thread. */
    public void request(int bits) {
        PENDING.getAndBitwiseOr(state, (long) StateLayout.PENDING, bits);
    }

    /** Clears {@link Pending} bits and returns which of them were set. */
    public int take(int bits) {
        return (int) PENDING.getAndBitwiseAnd(state, (long) StateLayout.PENDING, ~bits) & bits;
    }

    /** Instructions that may have set RFLAGS.IF or ended the blocking of NMIs call this: STI, POPF, IRET, SYSRET. */
    public void unblocked() {
        if (interruptWaiting) {
            request(Pending.SELF);
        }
    }

    // Mode

    /** Default size of code: 2, 4, or 8 in 64-bit mode. */
    public int codeSize() {
        return codeSize;
    }

    /** Width of the stack pointer: 2, 4 or 8. */
    public int stackSize() {
        return stackSize;
    }

    /** CR0.PE without virtual-8086 mode. */
    public boolean protectedMode() {
        return protectedMode;
    }

    /** EFER.LMA: long mode, 64-bit or compatibility. */
    public boolean longMode() {
        return longMode;
    }

    public boolean virtual8086() {
        return (rflags() & Rflags.VM) != 0 && (cr0 & Control.CR0_PE) != 0;
    }

    /** Derives the sizes and modes from CR0, EFER, RFLAGS.VM, CS and SS. */
    public void modeChanged() {
        longMode = (efer & Control.EFER_LMA) != 0;
        protectedMode = (cr0 & Control.CR0_PE) != 0 && !virtual8086();
        boolean code64 = longMode && (attributes[CS] & ATTR_L) != 0;
        codeSize = code64 ? 8 : (attributes[CS] & ATTR_DB) != 0 ? 4 : 2;
        stackSize = code64 ? 8 : (attributes[SS] & ATTR_DB) != 0 ? 4 : 2;
    }

    // Faults, to be thrown: throw cpu.gp(0)

    public GuestException fault(int vector) {
        return exception.set(vector, GuestException.NO_ERROR_CODE);
    }

    public GuestException fault(int vector, int errorCode) {
        return exception.set(vector, errorCode);
    }

    public GuestException gp(int errorCode) {
        return exception.set(GuestException.GP, errorCode);
    }

    public GuestException ud() {
        return exception.set(GuestException.UD, GuestException.NO_ERROR_CODE);
    }

    public GuestException pageFault(long linear, int errorCode) {
        cr2 = linear;
        return exception.set(GuestException.PF, errorCode);
    }

    public void close() {
        mapping.unmap();
    }
}
