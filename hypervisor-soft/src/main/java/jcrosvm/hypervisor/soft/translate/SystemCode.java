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
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.mmu.Tlb;

/** Instructions that look at or change the processor's state and that kernels execute often. */
final class SystemCode {
    private static final int JNE_SHORT = 0x75;
    private static final int JE = 0x84;
    private static final int JNE = 0x85;

    private final Emitter emit;
    private final Assembler out;
    private final TimeCode time;

    SystemCode(Emitter emit) {
        this.emit = emit;
        time = new TimeCode(emit);
        out = emit.out;
    }

    /** In a TLB context; code of a supervisor's context runs at CPL 0. */
    static boolean supports(Insn insn, int context) {
        return switch (insn.op) {
            case PUSHF -> insn.operandSize == 8;
            case RDTSC, RDTSCP -> true;
            case CLI, STI, SWAPGS, CLAC, STAC -> context != Tlb.USER;
            case MOV_FROM_CR -> context != Tlb.USER && insn.register[1] <= 4 && insn.register[1] != 1;
            case MOV_FROM_SREG -> !insn.memory && insn.operandSize != 2;
            default -> false;
        };
    }

    void emit(Insn insn, int before) {
        switch (insn.op) {
            case PUSHF -> pushFlags();
            case CLI -> {
                emit.flags.clobber(before != 0);
                out.rm(0x81, 4, STATE, StateLayout.RFLAGS);
                out.emit32(~Rflags.IF);
            }
            case STI -> enableInterrupts(before != 0);
            case CLAC, STAC -> {
                // Mostly it is as it should be; otherwise the code behind is another context's.
                emit.flags.clobber(before != 0);
                out.rm(0xf7, 0, STATE, StateLayout.RFLAGS); // test
                out.emit32(Rflags.AC);
                emit.interpretIf(insn.op == Op.CLAC ? JNE : JE);
            }
            case RDTSC, RDTSCP -> time.emit(insn.op, before != 0);
            case MOV_FROM_CR -> load(insn, 0x8b | W, Frame.CONTROL + 8 * insn.register[1]);
            case SWAPGS -> {
                int base = StateLayout.SEGMENT_BASE + 8 * Cpu.GS;
                out.load64(TEMP0, STATE, base);
                out.load64(TEMP1, STATE, Frame.KERNEL_GS_BASE);
                out.store64(TEMP0, STATE, Frame.KERNEL_GS_BASE);
                out.store64(TEMP1, STATE, base);
            }
            case MOV_FROM_SREG -> load(insn, M1 | 0xb7, Frame.SELECTORS + 2 * insn.register[1]); // movzx
            default -> throw new IllegalStateException(insn.form.mnemonic());
        }
    }

    /** A field of the state into a general register. */
    private void load(Insn insn, int opcode, int field) {
        int guest = insn.register[0];
        int host = Frame.host(guest) < 0 ? TEMP0 : Frame.host(guest);
        out.rm(opcode, host, STATE, field);
        emit.written(guest, host);
    }

    private void pushFlags() {
        emit.flags.clobber(true);
        emit.flags.compose();
        out.store64(TEMP1, STATE, Frame.TEMPORARY);
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
        emit.flags.clobber(live);
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
