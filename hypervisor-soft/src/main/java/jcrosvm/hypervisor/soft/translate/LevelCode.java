package jcrosvm.hypervisor.soft.translate;

import static jcrosvm.hypervisor.soft.translate.Assembler.RCX;
import static jcrosvm.hypervisor.soft.translate.Assembler.W;
import static jcrosvm.hypervisor.soft.translate.Frame.STATE;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP0;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP1;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.interp.FastCalls;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.mmu.Tlb;

/**
 * SYSCALL and SYSRET of 64-bit code. Code changes what it looks at itself, and notes the new level in
 * {@link Frame#LEVEL} for Java to do the rest when it is left. {@link Frame#ALLOWED} tells whether they may run here.
 */
final class LevelCode {
    private static final int JE = 0x84;
    private static final int JNE = 0x85;
    private static final int OVERFLOW_SHIFT = Integer.numberOfTrailingZeros(Rflags.OF);
    private static final int GUEST_R11 = StateLayout.GPR + 8 * Cpu.R11;
    /** CS and SS. */
    private static final int SELECTORS = Frame.SELECTORS + 2 * Cpu.CS;

    private final Emitter emit;
    private final Assembler out;

    LevelCode(Emitter emit) {
        this.emit = emit;
        out = emit.out;
    }

    static boolean supports(Insn insn, int context) {
        return insn.op == Op.SYSCALL
                ? context == Tlb.USER
                : insn.op == Op.SYSRET && insn.operandSize == 8 && context != Tlb.USER;
    }

    void emit(Insn insn) {
        if (insn.op == Op.SYSCALL) {
            call();
        } else {
            back();
        }
    }

    private void call() {
        emit.flags.clobber(true);
        requires(Frame.MAY_CALL);
        emit.flags.compose();
        out.store64(TEMP1, STATE, GUEST_R11);
        out.rm(0x23 | W, TEMP1, STATE, Frame.KEPT_FLAGS); // and
        setFlags();
        out.constant(RCX, emit.next());
        arrive(Frame.CALL_SELECTORS, Frame.AT_SUPERVISOR);
        out.load64(TEMP0, STATE, Frame.LSTAR);
        emit.jumpIndirect(0, Tlb.SUPERVISOR);
    }

    private void back() {
        emit.flags.clobber(false);
        requires(Frame.MAY_RETURN);
        out.rm(0x80, 7, STATE, Frame.INTERRUPT_WAITING); // cmp
        out.emit(0);
        emit.interpretIf(JNE);
        out.move64(TEMP1, RCX);
        out.rr(0xc1 | W, 4, TEMP1); // shl
        out.emit(16);
        out.rr(0xc1 | W, 7, TEMP1); // sar
        out.emit(16);
        out.rr(0x3b | W, TEMP1, RCX);
        emit.interpretIf(JNE); // not canonical
        out.load64(TEMP1, STATE, GUEST_R11);
        out.aluImmediate(0, 4, TEMP1, FastCalls.RETURNED_FLAGS);
        out.rr(0xf7, 0, TEMP1); // test
        out.emit32(Rflags.TF | Rflags.AC); // alignment may have to be checked there
        emit.interpretIf(JNE);
        setFlags();
        arrive(Frame.RETURN_SELECTORS, Frame.AT_USER);
        out.move64(TEMP0, RCX);
        emit.jumpIndirect(0, Tlb.USER);
    }

    private void requires(int what) {
        out.rm(0xf6, 0, STATE, Frame.ALLOWED); // test
        out.emit(what);
        emit.interpretIf(JE);
    }

    /** RFLAGS and the saved arithmetic flags become r11, which is destroyed. */
    private void setFlags() {
        out.aluImmediate(0, 1, TEMP1, Rflags.FIXED);
        out.store64(TEMP1, STATE, StateLayout.RFLAGS);
        out.rm(0xc7, 0, STATE, Frame.FLAGS); // no record any more
        out.emit32(0);
        out.rm(0x88, TEMP1, STATE, Frame.FLAGS + 1);
        out.rr(0xc1, 5, TEMP1); // shr
        out.emit(OVERFLOW_SHIFT);
        out.aluImmediate(0, 4, TEMP1, 1);
        out.rm(0x88, TEMP1, STATE, Frame.FLAGS);
        emit.flags.at(false, true);
    }

    private void arrive(int selectors, int level) {
        out.rm(0x8b, TEMP0, STATE, selectors);
        out.rm(0x89, TEMP0, STATE, SELECTORS);
        out.rm(0xc6, 0, STATE, Frame.LEVEL);
        out.emit(level);
    }
}
