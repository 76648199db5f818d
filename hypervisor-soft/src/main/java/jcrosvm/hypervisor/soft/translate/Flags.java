package jcrosvm.hypervisor.soft.translate;

import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Insn;

/**
 * Which arithmetic flags an instruction needs, and which it leaves behind. Flags are live where code may look at them.
 * Beside that they are seen at faults: there they need to be known, but not to be in the host's register.
 */
final class Flags {
    static final int ALL = Rflags.ARITHMETIC;

    private Flags() {}

    /** Those that are live before the instruction, given those after it. */
    static int before(Insn insn, int after) {
        return reads(insn) | after & ~defines(insn);
    }

    /** Whether the host's flags must be the guest's when the instruction runs. */
    static boolean needed(Insn insn, int after) {
        return reads(insn) != 0 || (insn.form.flagsWritten() & ALL) != 0 && (after & ~defines(insn)) != 0;
    }

    /** Nothing of the flags before is left afterwards. */
    static boolean definesAll(Insn insn) {
        return defines(insn) == ALL;
    }

    /** What it leaves behind can only be known together with the host's flags before it. */
    static boolean changesSome(Insn insn) {
        return (insn.form.flagsWritten() & ALL) != 0 && !definesAll(insn) && !FlagRecord.keepsCarry(insn);
    }

    /** Whether a fault or an exit to the interpreter may show the flags that were there before the instruction. */
    static boolean shows(Insn insn) {
        return switch (insn.op) {
            case NOP, PAUSE, FENCE, SERIALIZE, CACHE_HINT, CLD, LEA -> false;
            case CLI, SWAPGS, MOV_FROM_CR, MOV_FROM_SREG -> false;
            case JMP, JCC, JCXZ, LOOP, LOOPE, LOOPNE -> false;
            default -> insn.memory || !PlainCode.supports(insn);
        };
    }

    private static int reads(Insn insn) {
        return mayKeep(insn) ? 0 : insn.form.flagsRead() & ALL;
    }

    /** Those that have a new or an undefined value afterwards, whatever the operands. */
    private static int defines(Insn insn) {
        return mayKeep(insn) ? 0 : insn.form.flagsWritten() & ALL;
    }

    /** By CL: a count of 0 leaves all flags as they are. */
    private static boolean mayKeep(Insn insn) {
        return switch (insn.op) {
            case ROL, ROR, SHL, SHR, SAR, SHLD, SHRD -> insn.form.flagsRead() != 0;
            default -> false;
        };
    }
}
