package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.interp.Recalculation;

/** Moves the arithmetic flags between the processor's RFLAGS and {@link Frame#FLAGS}. */
final class FrameFlags {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final int LAHF_FLAGS = Rflags.SF | Rflags.ZF | Rflags.AF | Rflags.PF | Rflags.CF;

    private final Cpu cpu;
    private final MemorySegment state;
    private final Recalculation recalculation;

    FrameFlags(Cpu cpu) {
        this.cpu = cpu;
        state = cpu.state();
        recalculation = new Recalculation(cpu);
    }

    /** Before code is entered. */
    void save() {
        long flags = cpu.rflags();
        long saved = (flags & LAHF_FLAGS) << 8 | (flags & Rflags.OF) / Rflags.OF;
        state.set(INT, Frame.FLAGS, (int) saved);
    }

    /** Where code was left with the flags in the frame. */
    void restore() {
        int saved = state.get(INT, Frame.FLAGS);
        if (FlagRecord.isSaved(saved)) {
            long flags = cpu.rflags() & ~Rflags.ARITHMETIC;
            cpu.rflags(flags | saved >> 8 & LAHF_FLAGS | (saved & 1L) * Rflags.OF);
        }
        FlagRecord.recover(saved, cpu, recalculation);
    }

    /**
     * Where code was left.
     *
     * @param told how registers tell the flags ({@link FlagRecord#told}), or 0: the frame has them
     */
    void restore(int told, int immediate) {
        if (told == 0) {
            restore();
        } else {
            FlagRecord.recover(told, immediate, cpu, recalculation);
        }
    }
}
