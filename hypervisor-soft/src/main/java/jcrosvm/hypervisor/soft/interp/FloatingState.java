package jcrosvm.hypervisor.soft.interp;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** FXSAVE, XSAVE and their kin, LDMXCSR, STMXCSR (SDM volume 1, 10.5 and chapter 13; only x87 and SSE exist). */
final class FloatingState {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT;

    private static final int X87 = 1;
    private static final int SSE = 2;

    private static final int LEGACY_SIZE = 512;
    private static final int HEADER = 512;
    private static final int HEADER_SIZE = 64;

    private static final int MXCSR = 24;
    private static final int REGISTERS = 32;
    private static final int X87_SIZE = 128;
    private static final int XMM = 160;

    private static final short FCW_DEFAULT = 0x37f;
    private static final int FCW_DEFINED = 0x1f3f;
    private static final int FCW_FIXED = 0x40;
    private static final int FSW = 2;
    private static final int X87_EXCEPTIONS = 0x3f;
    private static final int X87_PENDING = 0x8080;

    /** Bits of MXCSR that exist. */
    static final int MXCSR_MASK = 0xffff;

    private final Cpu cpu;
    private final Mmu mmu;
    private final MemorySegment state;
    private final MemorySegment x87Control;
    private final MemorySegment x87Registers;
    private final MemorySegment xmm8;
    private final MemorySegment xmm16;

    FloatingState(Cpu cpu, Mmu mmu) {
        this.cpu = cpu;
        this.mmu = mmu;
        state = cpu.state();
        x87Control = state.asSlice(StateLayout.FX, MXCSR);
        x87Registers = state.asSlice(StateLayout.FX + REGISTERS, X87_SIZE);
        xmm8 = state.asSlice(StateLayout.XMM, 8 * 16);
        xmm16 = state.asSlice(StateLayout.XMM, 16 * 16);
    }

    void execute(Insn insn, long linear) {
        switch (insn.op) {
            case FXSAVE -> save(linear);
            case FXRSTOR -> restore(linear);
            case XSAVE, XSAVEOPT -> saveExtended(linear);
            case XRSTOR -> restoreExtended(linear);
            case LDMXCSR -> mxcsr((int) mmu.read(linear, 4));
            case STMXCSR -> mmu.write(linear, 4, mxcsr() & 0xffff_ffffL);
            default -> throw new IllegalStateException(insn.op.name());
        }
    }

    private int mxcsr() {
        return state.get(INT, StateLayout.MXCSR);
    }

    private void mxcsr(int value) {
        if ((value & ~MXCSR_MASK) != 0) {
            throw cpu.gp(0);
        }
        state.set(INT, StateLayout.MXCSR, value);
    }

    private MemorySegment xmm() {
        return cpu.codeSize() == 8 ? xmm16 : xmm8;
    }

    private void check(long linear, int size, int alignment, boolean write) {
        if ((linear & alignment - 1) != 0) {
            throw cpu.gp(0);
        }
        mmu.probe(linear, 1, write);
        mmu.probe(linear + size - 1, 1, write);
    }

    private boolean sse() {
        return (cpu.cr4 & Control.CR4_OSFXSR) != 0;
    }

    private void save(long linear) {
        mmu.align(linear, 4);
        check(linear, LEGACY_SIZE, 16, true);
        saveX87(linear);
        saveMxcsr(linear);
        if (sse()) {
            mmu.write(linear + XMM, xmm());
        }
    }

    private void saveX87(long linear) {
        mmu.write(linear, x87Control);
        mmu.write(linear + REGISTERS, x87Registers);
    }

    private void saveMxcsr(long linear) {
        mmu.write(linear + MXCSR, 8, (long) MXCSR_MASK << 32 | mxcsr());
    }

    private void restore(long linear) {
        mmu.align(linear, 4);
        check(linear, LEGACY_SIZE, 16, false);
        if (sse()) {
            mxcsr((int) mmu.read(linear + MXCSR, 4));
            mmu.read(linear + XMM, xmm());
        }
        restoreX87(linear);
    }

    private void restoreX87(long linear) {
        mmu.read(linear, x87Control);
        mmu.read(linear + REGISTERS, x87Registers);
        int control = state.get(SHORT, StateLayout.FX) & FCW_DEFINED | FCW_FIXED;
        int status = state.get(SHORT, StateLayout.FX + FSW);
        boolean pending = (status & ~control & X87_EXCEPTIONS) != 0;
        state.set(SHORT, StateLayout.FX, (short) control);
        state.set(SHORT, StateLayout.FX + FSW, (short) (pending ? status | X87_PENDING : status & ~X87_PENDING));
    }

    private void checkExtended() {
        if ((cpu.cr4 & Control.CR4_OSXSAVE) == 0) {
            throw cpu.ud();
        }
        if ((cpu.cr0 & Control.CR0_TS) != 0) {
            throw cpu.fault(GuestException.NM);
        }
    }

    private int requested() {
        return (int) (cpu.gpr(Cpu.RAX) & cpu.xcr0);
    }

    private void saveExtended(long linear) {
        checkExtended();
        check(linear, HEADER + HEADER_SIZE, 64, true);
        int requested = requested();
        if ((requested & X87) != 0) {
            saveX87(linear);
        }
        if ((requested & SSE) != 0) {
            saveMxcsr(linear);
            mmu.write(linear + XMM, xmm());
        }
        // Every component counts as in use.
        mmu.write(linear + HEADER, 8, mmu.read(linear + HEADER, 8) | requested);
    }

    private void restoreExtended(long linear) {
        checkExtended();
        check(linear, HEADER + HEADER_SIZE, 64, false);
        long present = mmu.read(linear + HEADER, 8);
        if ((present & ~cpu.xcr0) != 0
                || mmu.read(linear + HEADER + 8, 8) != 0
                || mmu.read(linear + HEADER + 16, 8) != 0) {
            throw cpu.gp(0);
        }
        int requested = requested();
        if ((requested & SSE) != 0) {
            mxcsr((int) mmu.read(linear + MXCSR, 4));
            if ((present & SSE) != 0) {
                mmu.read(linear + XMM, xmm());
            } else {
                xmm().fill((byte) 0);
            }
        }
        if ((requested & X87) != 0) {
            if ((present & X87) != 0) {
                restoreX87(linear);
            } else {
                x87Control.fill((byte) 0);
                x87Registers.fill((byte) 0);
                state.set(SHORT, StateLayout.FX, FCW_DEFAULT);
            }
        }
    }
}
