package jcrosvm.hypervisor.soft.translate;

import static jcrosvm.hypervisor.soft.translate.Assembler.W;
import static jcrosvm.hypervisor.soft.translate.Frame.STATE;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP0;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP1;

import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import org.jspecify.annotations.Nullable;

/** Instructions that end a block and that code knows the way on from. */
final class BranchCode {
    private static final int SP = SpecialCode.SP;

    private final Emitter emit;
    private final Assembler out;
    private final LevelCode levels;
    private final FlagRecord record;
    // Of a conditional branch: whose flags are kept on each way, and whether it goes around the block.
    private @Nullable Insn keptAtTarget;
    private @Nullable Insn keptBehind;
    private boolean around;

    BranchCode(Emitter emit) {
        this.emit = emit;
        levels = new LevelCode(emit);
        record = new FlagRecord(emit);
        out = emit.out;
    }

    /** In a TLB context. */
    static boolean supports(Insn insn, int context) {
        return switch (insn.op) {
            case JMP, JCC, JCXZ, LOOP, LOOPE, LOOPNE, CALL, RET -> insn.operandSize == 8;
            case JMP_INDIRECT, CALL_INDIRECT -> insn.operandSize == 8;
            case SYSCALL, SYSRET -> LevelCode.supports(insn, context);
            default -> false;
        };
    }

    /** Whether there is a way to {@link #target}. */
    static boolean isDirect(Insn insn) {
        return switch (insn.op) {
            case JMP, JCC, JCXZ, LOOP, LOOPE, LOOPNE, CALL -> true;
            default -> false;
        };
    }

    /** Whether there is a way to the next instruction. */
    static boolean isConditional(Insn insn) {
        return switch (insn.op) {
            case JCC, JCXZ, LOOP, LOOPE, LOOPNE -> true;
            default -> false;
        };
    }

    /** What the next conditional branch has to do on its ways. */
    void ways(@Nullable Insn newKeptAtTarget, @Nullable Insn newKeptBehind, boolean newAround) {
        keptAtTarget = newKeptAtTarget;
        keptBehind = newKeptBehind;
        around = newAround;
    }

    static long target(Insn insn, long next) {
        return next + insn.imm;
    }

    /**
     * @param liveAtTarget whether flags are live if a direct branch is taken
     * @param liveAtNext whether they are otherwise
     */
    void emit(Insn insn, boolean liveAtTarget, boolean liveAtNext) {
        long target = target(insn, emit.next());
        switch (insn.op) {
            case JMP -> take(target, liveAtTarget);
            case JCC -> conditional(insn, target, liveAtTarget, liveAtNext);
            case JCXZ, LOOP, LOOPE, LOOPNE -> counted(insn, target, liveAtTarget, liveAtNext);
            case CALL -> {
                emit.flags.clobber(liveAtTarget);
                pushNext();
                take(target, liveAtTarget);
            }
            case RET -> {
                emit.flags.clobber(true);
                emit.memoryAt(SP, 0, 8, false);
                out.load64(TEMP0, TEMP0, 0);
                int popped = 8 + ((int) insn.imm & 0xffff);
                out.rm(0x8d | W, SP, SP, popped);
                emit.jumpIndirect(popped);
            }
            case JMP_INDIRECT -> {
                emit.flags.clobber(true);
                if (insn.memory) {
                    emit.memory(insn, 8, false, false);
                    out.load64(TEMP0, TEMP0, 0);
                } else {
                    out.move64(TEMP0, emit.register(insn.register[0], TEMP0));
                }
                emit.jumpIndirect(0);
            }
            case CALL_INDIRECT -> {
                emit.flags.clobber(true);
                if (insn.memory) {
                    emit.memory(insn, 8, false, false);
                    out.load64(TEMP1, TEMP0, 0);
                } else {
                    out.move64(TEMP1, emit.register(insn.register[0], TEMP1));
                }
                out.store64(TEMP1, STATE, Frame.TEMPORARY);
                pushNext();
                out.load64(TEMP0, STATE, Frame.TEMPORARY);
                emit.jumpIndirect(-8);
            }
            case SYSCALL, SYSRET -> levels.emit(insn);
            default -> throw new IllegalStateException(insn.form.mnemonic());
        }
    }

    private void pushNext() {
        long next = emit.next();
        emit.memoryAt(SP, -8, 8, true);
        if (next == (int) next) {
            out.rm(0xc7 | W, 0, TEMP0, 0);
            out.emit32((int) next);
        } else {
            out.constant(TEMP1, next);
            out.store64(TEMP1, TEMP0, 0);
        }
        out.rm(0x8d | W, SP, SP, -8);
    }

    /** Every loop has a jump back or an indirect one. */
    private boolean isBack(long target) {
        return target <= emit.pc();
    }

    private void take(long target, boolean live) {
        if (isBack(target)) {
            emit.poll(target, live);
        }
        emit.jump(0, target, live);
    }

    private void conditional(Insn insn, long target, boolean liveAtTarget, boolean liveAtNext) {
        int condition = 0x80 | insn.opcode & 0xf;
        emit.flags.need();
        if (!isBack(target) && !emit.isFar(target) && keptAtTarget == null) {
            emit.jump(condition, target, liveAtTarget);
            keep(keptBehind);
            emit.jump(0, emit.next(), liveAtNext);
            return;
        }
        boolean saved = emit.flags.saved();
        out.emit(0x0f, condition ^ 1);
        int over = out.position();
        out.emit32(0);
        keep(keptAtTarget);
        if (around) {
            emit.poll(target, false);
            emit.jumpAround();
        } else {
            take(target, liveAtTarget);
        }
        out.jumpHere(over);
        emit.flags.at(true, saved);
        keep(keptBehind);
        emit.jump(0, emit.next(), liveAtNext);
    }

    private void keep(@Nullable Insn insn) {
        if (insn != null) {
            record.after(insn);
        }
    }

    /** JCXZ and LOOP work on the host's rCX. */
    private void counted(Insn insn, long target, boolean liveAtTarget, boolean liveAtNext) {
        if (insn.op == Op.LOOPE || insn.op == Op.LOOPNE) {
            emit.flags.need();
        }
        boolean inRegister = emit.flags.inRegister();
        boolean saved = emit.flags.saved();
        if (insn.addressSize == 4) {
            out.emit(0x67);
        }
        out.emit(insn.opcode, 0);
        int behind = out.position();
        emit.jump(0, emit.next(), liveAtNext);
        out.code()[behind - 1] = (byte) (out.position() - behind);
        emit.flags.at(inRegister, saved);
        take(target, liveAtTarget);
    }
}
