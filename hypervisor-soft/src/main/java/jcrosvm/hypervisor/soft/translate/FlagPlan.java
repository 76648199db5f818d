package jcrosvm.hypervisor.soft.translate;

import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;

/**
 * Where a block's flags are. Live ones are in the host's register, or saved before something destroys that. Others may
 * still be shown by a fault: then they are kept in the frame by the instruction that made them, unless the registers
 * tell them wherever they may be shown.
 */
final class FlagPlan {
    /** As a source: the frame. */
    static final int FRAME = -1;

    /** Flags that are live before each instruction and at the end. */
    final int[] live;
    /** Whether an instruction has to keep its flags in the frame. */
    final boolean[] kept;
    /** Whether flags that are not live at the entry may be shown. */
    boolean shownAtEntry;
    /** The instruction whose flags the registers tell at the block's conditional branch, or {@link #FRAME}. */
    int atBranch;
    /** They are kept where the branch goes, or behind it. */
    boolean keptAtTarget;

    boolean keptBehind;
    /** The branch goes to the block's start, and the registers tell them there too. */
    boolean around;

    private final Insn[] insns;
    private final boolean[] shown;
    private int count;

    FlagPlan(Insn[] insns) {
        this.insns = insns;
        live = new int[insns.length + 1];
        kept = new boolean[insns.length];
        shown = new boolean[insns.length];
    }

    /**
     * @param liveBeforeLast flags before the last instruction that are live
     * @param shownAtTarget whether flags may be shown where the block's branch goes
     * @param shownBehind whether they may be shown behind it
     * @param conditional the last instruction is a conditional branch
     * @param loop to the block's start
     */
    void make(
            int newCount,
            int liveBeforeLast,
            int liveAtEnd,
            boolean shownAtTarget,
            boolean shownBehind,
            boolean conditional,
            boolean loop) {
        count = newCount;
        boolean show = shownAtTarget || shownBehind;
        int now = liveBeforeLast;
        live[count] = liveAtEnd;
        for (int i = count - 1; i >= 0; i--) {
            Insn insn = insns[i];
            now = i == count - 1 ? now : Flags.before(insn, now);
            shown[i] = show;
            boolean saved = Flags.shows(insn) && now != 0;
            if (saved || show && Flags.changesSome(insn)) {
                now = Flags.ALL; // not only those that are read
            }
            live[i] = now;
            show = Flags.shows(insn) ? now == 0 : show && !Flags.definesAll(insn);
        }
        shownAtEntry = show;
        int last = FRAME;
        for (int i = 0; i < count; i++) {
            boolean changes = (insns[i].form.flagsWritten() & Flags.ALL) != 0;
            kept[i] = changes && shown[i] && !(FlagRecord.inRegisters(insns[i]) && isTold(i, i + 1));
            if (changes) {
                last = i;
            }
        }
        boolean told = conditional && last != FRAME && kept[last] && isToldAtEnd(last);
        around = told && loop && shownAtTarget && live[0] == 0 && isTold(last, 0);
        boolean target = shownAtTarget && !around;
        atBranch = told && !(target && shownBehind) ? last : FRAME;
        keptAtTarget = atBranch != FRAME && target;
        keptBehind = atBranch != FRAME && shownBehind;
        if (atBranch != FRAME) {
            kept[last] = false;
        }
    }

    /** Whether the registers tell an instruction's flags wherever they are shown; not if that is behind the block. */
    private boolean isTold(int by, int from) {
        int registers = FlagRecord.registers(insns[by]);
        for (int i = from; i < count; i++) {
            Insn insn = insns[i];
            if (Flags.shows(insn)) {
                if (live[i] != 0) {
                    return true; // saved here
                }
                if ((FlagRecord.registers(insns[by]) & ~registers) != 0) {
                    return false;
                }
            }
            if (Flags.definesAll(insn) || shown[i] && Flags.changesSome(insn)) {
                return true;
            }
            if (shown[i] && FlagRecord.keepsCarry(insn)) {
                return false;
            }
            registers &= ~written(insn);
        }
        return false;
    }

    private boolean isToldAtEnd(int by) {
        if (!FlagRecord.inRegisters(insns[by])) {
            return false;
        }
        int registers = FlagRecord.registers(insns[by]);
        for (int i = by + 1; i < count; i++) {
            if (Flags.shows(insns[i]) && live[i] != 0 || (written(insns[i]) & registers) != 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * Which instruction made the flags that an instruction may show.
     *
     * @param before the source of the instruction before; for the first {@link #FRAME}, or {@link #atBranch} around a loop
     */
    int source(int i, int before) {
        int source = before;
        if (i > 0) {
            Insn previous = insns[i - 1];
            if ((previous.form.flagsWritten() & Flags.ALL) != 0) {
                source = shown[i - 1] && !kept[i - 1] ? i - 1 : FRAME;
            }
        }
        return live[i] != 0 && Flags.shows(insns[i]) ? FRAME : source;
    }

    /** Bit set of the general registers that an instruction changes. */
    private static int written(Insn insn) {
        int written = insn.form.registersWritten();
        int[] accesses = insn.form.accesses();
        for (int i = 0; i < accesses.length; i++) {
            boolean register = insn.kind[i] == OperandKind.GPR || insn.kind[i] == OperandKind.HIGH_BYTE;
            if (register && (accesses[i] & Form.WRITE) != 0) {
                written |= 1 << insn.register[i];
            }
        }
        return written;
    }

    /** Whether the ways from a branch can each keep flags. */
    static boolean isConditional(Insn branch) {
        return branch.op == Op.JCC;
    }
}
