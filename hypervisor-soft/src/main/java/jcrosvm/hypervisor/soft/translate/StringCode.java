package jcrosvm.hypervisor.soft.translate;

import static jcrosvm.hypervisor.soft.translate.Assembler.RCX;
import static jcrosvm.hypervisor.soft.translate.Assembler.RDI;
import static jcrosvm.hypervisor.soft.translate.Assembler.RSI;
import static jcrosvm.hypervisor.soft.translate.Assembler.W;
import static jcrosvm.hypervisor.soft.translate.Frame.STATE;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP0;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP1;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;

/**
 * REP STOS and REP MOVS, upward and within a page each: compilers clear and copy structures with them. They run as
 * they are, on host addresses; longer ones are the interpreter's, a page at a time.
 */
final class StringCode {
    private static final int PAGE = 4096;
    private static final int JE = 0x84;
    private static final int JNE = 0x85;
    private static final int JA = 0x87;

    private final Emitter emit;
    private final Assembler out;

    StringCode(Emitter emit) {
        this.emit = emit;
        out = emit.out;
    }

    static boolean supports(Insn insn) {
        return (insn.op == Op.STOS || insn.op == Op.MOVS)
                && (insn.prefixes & (Insn.PREFIX_REP | Insn.PREFIX_REPNE)) != 0
                && insn.addressSize == 8
                && insn.segment < Cpu.FS;
    }

    void emit(Insn insn, boolean live) {
        boolean moves = insn.op == Op.MOVS;
        boolean bytes = (insn.opcode & 1) == 0;
        int scale = bytes ? 0 : Integer.numberOfTrailingZeros(insn.operandSize);
        emit.flags.clobber(live);
        out.rr(0x85 | W, RCX, RCX); // test
        out.emit(0x0f, JE);
        int none = out.position();
        out.emit32(0);
        out.rm(0xf7, 0, STATE, StateLayout.RFLAGS); // test
        out.emit32(Rflags.DF);
        emit.interpretIf(JNE);
        out.aluImmediate(W, 7, RCX, PAGE >> scale);
        emit.interpretIf(JA);
        within(RDI, scale);
        if (moves) {
            within(RSI, scale);
            host(RSI, false);
            out.store64(TEMP0, STATE, Frame.TEMPORARY);
        }
        host(RDI, true);
        move(RDI);
        if (moves) {
            out.store64(TEMP0, STATE, Frame.DISTANCE);
            out.load64(TEMP0, STATE, Frame.TEMPORARY);
            move(RSI);
        }
        int prefix = insn.operandSize == 2 && !bytes ? Assembler.PF3 | Assembler.ALSO_66 : Assembler.PF3;
        out.r((moves ? 0xa4 : 0xaa) | (bytes ? 0 : 1) | prefix | (insn.operandSize == 8 && !bytes ? W : 0), 0);
        if (moves) {
            out.rr(0x2b | W, RSI, TEMP0);
            out.rm(0x2b | W, RDI, STATE, Frame.DISTANCE);
        } else {
            out.rr(0x2b | W, RDI, TEMP0);
        }
        out.jumpHere(none);
    }

    /** Leaves what goes on behind the page to the interpreter. */
    private void within(int register, int scale) {
        out.rr(0x8b, TEMP1, register);
        out.aluImmediate(0, 4, TEMP1, PAGE - 1);
        out.rm(0x8d, TEMP1, TEMP1, RCX, scale, 0);
        out.aluImmediate(0, 7, TEMP1, PAGE);
        emit.interpretIf(JA);
    }

    /** The host's address of what a register points to into r10. */
    private void host(int register, boolean write) {
        int retry = out.position();
        out.move64(TEMP0, register);
        emit.check(retry, 1, write, false);
    }

    /** The register becomes the host's address in r10, and r10 the distance to it. */
    private void move(int register) {
        out.move64(TEMP1, register);
        out.move64(register, TEMP0);
        out.rr(0x2b | W, TEMP0, TEMP1);
    }
}
