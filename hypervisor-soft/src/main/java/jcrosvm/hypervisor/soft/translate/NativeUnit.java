package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.interp.HostUnit;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import org.jspecify.annotations.Nullable;

/**
 * {@link HostUnit} by the host's own unit. Exceptions stay masked in hardware; one that the guest does not mask is
 * seen in the flags, and then the state goes back to what it was before. With CR0.NE clear a pending x87 exception is
 * not reported: there is no FERR line.
 */
public final class NativeUnit implements HostUnit, AutoCloseable {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final int MXCSR_FLAGS = 0x3f;
    private static final int MXCSR_MASKS = 0x1f80;
    private static final int MXCSR_VALID = 0xffff;
    private static final int MASKS_SHIFT = 7;
    /** Invalid, denormal, zero divide: seen in the operands, of all elements before any is computed. */
    private static final int SSE_BEFORE = 0x07;

    /** Of the x87: these leave the destination as it was when they are not masked. */
    private static final int X87_BEFORE = 0x07;
    /** The same for results that go to memory: overflow and underflow too. */
    private static final int X87_BEFORE_MEMORY = 0x1f;

    /** Bytes of an x87 register in memory. */
    private static final int X87_SIZE = 10;

    private static final int X87_STICKY = 0x7f;

    private final Cpu cpu;
    private final Mmu mmu;
    private final MemorySegment state;
    private final Thunks thunks = new Thunks();
    private final X87Control control;
    /** Everything up to the bounce area, as it was before the instruction. */
    private final MemorySegment before = Arena.ofAuto().allocate(StateLayout.BOUNCE);

    private final @Nullable MemorySegment[] bounce = new @Nullable MemorySegment[StateLayout.BOUNCE_SIZE + 1];

    public NativeUnit(Cpu cpu, Mmu mmu) {
        this.cpu = cpu;
        this.mmu = mmu;
        state = cpu.state();
        control = new X87Control(cpu, mmu);
    }

    @Override
    public void execute(Insn insn, long linear) {
        boolean x87 = Thunks.usesX87(insn);
        if (x87) {
            if (control.isPending() && !(insn.op == Op.X87 && X87Control.isNoWait(insn))) {
                if ((cpu.cr0 & Control.CR0_NE) != 0) {
                    throw cpu.fault(GuestException.MF);
                }
            }
            if (insn.op == Op.X87 && control.execute(insn, linear)) {
                return;
            }
        }
        if (insn.op == Op.MASKMOV) {
            maskedMove(insn, linear);
            return;
        }
        int access = 0;
        int size = 0;
        if (insn.memory) {
            int operand = memoryOperand(insn);
            access = insn.form.accesses()[operand];
            size = insn.size[operand];
            mmu.align(linear, size == X87_SIZE ? 8 : size);
            if ((access & Form.WRITE) != 0) {
                mmu.probe(linear, size, true);
            }
            if ((access & Form.READ) != 0) {
                load(linear, size);
            }
        }
        boolean writes = (access & Form.WRITE) != 0;
        if (!x87) {
            runSse(insn);
        } else if (!runX87(insn, writes)) {
            return;
        }
        if (writes) {
            store(linear, size);
        }
    }

    /** Bytes of operand 0 whose byte of operand 1 has its highest bit set. */
    private void maskedMove(Insn insn, long linear) {
        mmu.align(linear, insn.size[0]);
        boolean mmx = insn.kind[0] == OperandKind.MMX;
        long source = mmx ? control.mmx(insn.register[0]) : StateLayout.XMM + 16L * insn.register[0];
        long mask = mmx ? control.mmx(insn.register[1]) : StateLayout.XMM + 16L * insn.register[1];
        for (int pass = 0; pass < 2; pass++) { // every fault before the first write
            for (int i = 0; i < insn.size[0]; i++) {
                if (state.get(ValueLayout.JAVA_BYTE, mask + i) < 0) {
                    if (pass == 0) {
                        mmu.probe(linear + i, 1, true);
                    } else {
                        mmu.write(linear + i, 1, state.get(ValueLayout.JAVA_BYTE, source + i));
                    }
                }
            }
        }
        if (mmx) {
            control.mmx();
        }
    }

    private static int memoryOperand(Insn insn) {
        for (int i = 0; i < Insn.OPERANDS; i++) {
            if (insn.kind[i] == OperandKind.MEMORY) {
                return i;
            }
        }
        throw new IllegalStateException(insn.form.mnemonic() + " has no operand in memory");
    }

    private void load(long linear, int size) {
        if (size <= 8 && (size & size - 1) == 0) {
            state.set(ValueLayout.JAVA_LONG, StateLayout.BOUNCE, mmu.read(linear, size));
        } else {
            mmu.read(linear, bounce(size));
        }
    }

    private void store(long linear, int size) {
        if (size <= 8 && (size & size - 1) == 0) {
            mmu.write(linear, size, state.get(ValueLayout.JAVA_LONG, StateLayout.BOUNCE));
        } else {
            mmu.write(linear, bounce(size));
        }
    }

    private MemorySegment bounce(int size) {
        MemorySegment slice = bounce[size];
        if (slice == null) {
            slice = state.asSlice(StateLayout.BOUNCE, size);
            bounce[size] = slice;
        }
        return slice;
    }

    private void runSse(Insn insn) {
        int guest = state.get(INT, StateLayout.MXCSR);
        int unmasked = ~guest >> MASKS_SHIFT & MXCSR_FLAGS;
        if (unmasked != 0) {
            before.copyFrom(state.asSlice(0, StateLayout.BOUNCE));
        }
        state.set(INT, StateLayout.MXCSR, guest & MXCSR_VALID & ~MXCSR_FLAGS | MXCSR_MASKS);
        thunks.run(insn, cpu);
        finishSse(guest, unmasked);
    }

    private void finishSse(int guest, int unmasked) {
        int raised = state.get(INT, StateLayout.MXCSR) & MXCSR_FLAGS;
        if ((raised & unmasked) != 0) {
            restore();
            int before = raised & unmasked & SSE_BEFORE; // with these nothing is computed
            state.set(INT, StateLayout.MXCSR, guest | (before != 0 ? raised & SSE_BEFORE : raised));
            throw cpu.fault((cpu.cr4 & Control.CR4_OSXMMEXCPT) != 0 ? GuestException.XM : GuestException.UD);
        }
        state.set(INT, StateLayout.MXCSR, guest | raised);
    }

    /** All but the pending word, which other threads change. */
    private void restore() {
        MemorySegment.copy(before, 0, state, 0, StateLayout.PENDING);
        MemorySegment.copy(before, StateLayout.FX, state, StateLayout.FX, 512);
    }

    /** False when an exception that is not masked kept the result back; the next instruction reports it. */
    private boolean runX87(Insn insn, boolean toMemory) {
        int mxcsr = state.get(INT, StateLayout.MXCSR);
        int fcw = control.word(X87Control.FCW);
        int fsw = control.word(X87Control.FSW);
        int unmasked = ~fcw & X87Control.EXCEPTIONS;
        int unmaskedSse = ~mxcsr >> MASKS_SHIFT & MXCSR_FLAGS;
        if ((unmasked | unmaskedSse) != 0) {
            before.copyFrom(state.asSlice(0, StateLayout.BOUNCE));
        }
        state.set(INT, StateLayout.MXCSR, mxcsr & MXCSR_VALID & ~MXCSR_FLAGS | MXCSR_MASKS);
        control.word(X87Control.FCW, fcw | X87Control.EXCEPTIONS);
        control.word(X87Control.FSW, fsw & ~(X87_STICKY | X87Control.PENDING));
        thunks.run(insn, cpu);
        finishSse(mxcsr, unmaskedSse);
        int after = control.word(X87Control.FSW);
        control.clearPointers();
        if ((after & unmasked & (toMemory ? X87_BEFORE_MEMORY : X87_BEFORE)) != 0) {
            restore();
            int kept = fsw & 0x7d00 | after & 0x200; // C1 tells a stack overflow from an underflow
            control.word(X87Control.FSW, kept | (fsw | after) & X87_STICKY);
            control.updateSummary();
            return false;
        }
        control.word(X87Control.FCW, fcw);
        control.word(X87Control.FSW, after & ~X87Control.PENDING | fsw & X87_STICKY);
        control.updateSummary();
        return true;
    }

    @Override
    public void close() {
        thunks.close();
    }
}
