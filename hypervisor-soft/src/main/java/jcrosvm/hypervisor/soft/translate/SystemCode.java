package jcrosvm.hypervisor.soft.translate;

import static jcrosvm.hypervisor.soft.translate.Assembler.M1;
import static jcrosvm.hypervisor.soft.translate.Assembler.W;
import static jcrosvm.hypervisor.soft.translate.Frame.STATE;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP0;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP1;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.mmu.Tlb;

/** Instructions that look at or change the processor's state and that kernels execute often. */
final class SystemCode {
    private static final int JNE_SHORT = 0x75;
    private static final int JNE = 0x85;

    private final Emitter emit;
    private final Assembler out;

    SystemCode(Emitter emit) {
        this.emit = emit;
        out = emit.out;
    }

    /** In a TLB context; code of a supervisor's context runs at CPL 0. */
    static boolean supports(Insn insn, int context) {
        return switch (insn.op) {
            case PUSHF -> insn.operandSize == 8;
            case CLI, STI, SWAPGS -> context != Tlb.USER;
            case MOV_FROM_SREG -> !insn.memory && insn.operandSize != 2;
            default -> false;
        };
    }

    void emit(Insn insn, int before) {
        switch (insn.op) {
            case PUSHF -> pushFlags();
            case CLI -> {
                emit.clobberFlags(before != 0);
                out.rm(0x81, 4, STATE, StateLayout.RFLAGS);
                out.emit32(~Rflags.IF);
            }
            case STI -> enableInterrupts(before != 0);
            case SWAPGS -> {
                int base = StateLayout.SEGMENT_BASE + 8 * Cpu.GS;
                out.load64(TEMP0, STATE, base);
                out.load64(TEMP1, STATE, Frame.KERNEL_GS_BASE);
                out.store64(TEMP0, STATE, Frame.KERNEL_GS_BASE);
                out.store64(TEMP1, STATE, base);
            }
            case MOV_FROM_SREG -> {
                int guest = insn.register[0];
                int host = Frame.host(guest) < 0 ? TEMP0 : Frame.host(guest);
                out.rm(M1 | 0xb7, host, STATE, Frame.SELECTORS + 2 * insn.register[1]); // movzx
                emit.written(guest, host);
            }
            default -> throw new IllegalStateException(insn.form.mnemonic());
        }
    }

    private void pushFlags() {
        emit.clobberFlags(true);
        out.rm(M1 | 0xb6, TEMP0, STATE, Frame.FLAGS); // movzx: OF
        out.rr(0xc1, 4, TEMP0); // shl
        out.emit(Integer.numberOfTrailingZeros(Rflags.OF));
        out.rm(M1 | 0xb6, TEMP1, STATE, Frame.FLAGS + 1);
        out.aluImmediate(0, 4, TEMP1, Rflags.ARITHMETIC & 0xff);
        out.rr(0x0b, TEMP1, TEMP0); // or
        out.load64(TEMP0, STATE, StateLayout.RFLAGS);
        out.aluImmediate(W, 4, TEMP0, ~(Rflags.ARITHMETIC | Rflags.RF | Rflags.VM));
        out.rr(0x0b | W, TEMP0, TEMP1);
        out.store64(TEMP0, STATE, Frame.TEMPORARY);
        emit.memoryAt(SpecialCode.SP, -8, 8, true);
        out.load64(TEMP1, STATE, Frame.TEMPORARY);
        out.store64(TEMP1, TEMP0, 0);
        out.rm(0x8d | W, SpecialCode.SP, SpecialCode.SP, -8);
    }

    /**
     * STI, unless an interrupt waits for it. One that comes later is seen at the next poll, which is behind the
     * instruction that the shadow covers.
     */
    private void enableInterrupts(boolean live) {
        emit.clobberFlags(live);
        out.rm(0xf7, 0, STATE, StateLayout.RFLAGS); // test
        out.emit32(Rflags.IF);
        out.emit(JNE_SHORT, 0);
        int behind = out.position();
        out.rm(0x80, 7, STATE, Frame.INTERRUPT_WAITING);
        out.emit(0);
        emit.interpretIf(JNE);
        out.rm(0x81, 1, STATE, StateLayout.RFLAGS); // or
        out.emit32(Rflags.IF);
        out.code()[behind - 1] = (byte) (out.position() - behind);
    }
}
