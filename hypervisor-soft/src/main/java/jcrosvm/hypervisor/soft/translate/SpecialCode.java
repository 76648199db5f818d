package jcrosvm.hypervisor.soft.translate;

import static jcrosvm.hypervisor.soft.translate.Assembler.RAX;
import static jcrosvm.hypervisor.soft.translate.Assembler.RDX;
import static jcrosvm.hypervisor.soft.translate.Assembler.W;
import static jcrosvm.hypervisor.soft.translate.Frame.STATE;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP0;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP1;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;

/** Instructions inside a block that need code of their own: the stack, addresses, division, bit strings. */
final class SpecialCode {
    /** Host register of the guest's stack pointer. */
    static final int SP = Frame.host(Cpu.RSP);

    private static final int BP = Frame.host(Cpu.RBP);
    private static final int JAE = 0x83;
    private static final int JBE = 0x86;
    private static final int JNE = 0x85;

    private final Emitter emit;
    private final Assembler out;
    private final StringCode strings;

    SpecialCode(Emitter emit) {
        this.emit = emit;
        strings = new StringCode(emit);
        out = emit.out;
    }

    static boolean supports(Insn insn) {
        return switch (insn.op) {
            case NOP, PAUSE, FENCE, SERIALIZE, CACHE_HINT, CLD -> true;
            case LEA -> insn.operandSize != 2;
            case PUSH -> insn.operandSize == 8;
            case POP -> insn.operandSize == 8 && !insn.memory;
            case LEAVE -> insn.operandSize == 8;
            case DIV, IDIV -> insn.size[0] >= 4;
            case STOS, MOVS -> StringCode.supports(insn);
            case BT, BTS, BTR, BTC -> insn.memory && insn.size[0] >= 4 && insn.addressSize == 8;
            default -> false;
        };
    }

    /**
     * @param kept as for {@link PlainCode#emit}
     */
    void emit(Insn insn, int before, int after, boolean kept) {
        switch (insn.op) {
            case NOP, CACHE_HINT, SERIALIZE -> {} // a change of code is seen at once
            case PAUSE -> out.emit(0xf3, 0x90);
            case FENCE -> out.emit(0x0f, 0xae, insn.modrm);
            case CLD -> {
                emit.flags.clobber(before != 0);
                out.rm(0x81, 4, STATE, StateLayout.RFLAGS);
                out.emit32(~Rflags.DF);
            }
            case LEA -> lea(insn);
            case PUSH -> push(insn, before != 0);
            case POP -> pop(insn, before != 0);
            case LEAVE -> {
                emit.flags.clobber(before != 0);
                emit.memoryAt(BP, 0, 8, false);
                out.rm(0x8d | W, SP, BP, 8);
                out.load64(BP, TEMP0, 0);
            }
            case DIV, IDIV -> divide(insn, before != 0);
            case BT, BTS, BTR, BTC -> bitString(insn, before, after, kept);
            case STOS, MOVS -> strings.emit(insn, before != 0);
            default -> throw new IllegalStateException(insn.form.mnemonic());
        }
    }

    private void lea(Insn insn) {
        int guest = insn.register[0];
        int host = Frame.host(guest);
        emit.effectiveAddress(insn);
        if (host >= 0) {
            out.rr(insn.operandSize == 8 ? 0x8b | W : 0x8b, host, TEMP0);
        } else {
            if (insn.operandSize == 4) {
                out.rr(0x8b, TEMP0, TEMP0);
            }
            emit.written(guest, TEMP0);
        }
    }

    private void push(Insn insn, boolean live) {
        emit.flags.clobber(live);
        if (insn.memory) {
            emit.memory(insn, 8, false, false);
            out.load64(TEMP1, TEMP0, 0);
            out.store64(TEMP1, STATE, Frame.TEMPORARY);
        }
        emit.memoryAt(SP, -8, 8, true);
        if (insn.kind[0] == OperandKind.IMMEDIATE) {
            out.rm(0xc7 | W, 0, TEMP0, 0);
            out.emit32((int) insn.imm);
        } else if (insn.memory) {
            out.load64(TEMP1, STATE, Frame.TEMPORARY);
            out.store64(TEMP1, TEMP0, 0);
        } else {
            out.store64(emit.register(insn.register[0], TEMP1), TEMP0, 0);
        }
        out.rm(0x8d | W, SP, SP, -8);
    }

    private void pop(Insn insn, boolean live) {
        int guest = insn.register[0];
        emit.flags.clobber(live);
        emit.memoryAt(SP, 0, 8, false);
        out.rm(0x8d | W, SP, SP, 8);
        int host = Frame.host(guest);
        if (host >= 0) {
            out.load64(host, TEMP0, 0); // POP RSP too: what was read counts
        } else {
            out.load64(TEMP1, TEMP0, 0);
            emit.written(guest, TEMP1);
        }
    }

    /** What would raise #DE, and signed division of more than a sign-extended dividend, is the interpreter's. */
    private void divide(Insn insn, boolean live) {
        int wide = insn.size[0] == 8 ? W : 0;
        emit.flags.clobber(live);
        if (insn.memory) {
            emit.memory(insn, insn.size[0], false, false);
            out.rm(0x8b | wide, TEMP1, TEMP0, 0);
        } else {
            out.rr(0x8b | wide, TEMP1, emit.register(insn.register[0], TEMP1));
        }
        if (insn.op == Op.DIV) {
            out.rr(0x3b | wide, RDX, TEMP1);
            emit.interpretIf(JAE);
            out.rr(0xf7 | wide, 6, TEMP1);
        } else {
            out.rr(0x8b | wide, TEMP0, RAX);
            out.rr(0xc1 | wide, 7, TEMP0); // sar
            out.emit(insn.size[0] * 8 - 1);
            out.rr(0x3b | wide, TEMP0, RDX);
            emit.interpretIf(JNE);
            out.rm(0x8d | wide, TEMP0, TEMP1, 1); // 0 and -1
            out.aluImmediate(wide, 7, TEMP0, 1);
            emit.interpretIf(JBE);
            out.rr(0xf7 | wide, 7, TEMP1);
        }
    }

    /** BT and kin with a register as bit offset reach beyond their operand. */
    private void bitString(Insn insn, int before, int after, boolean kept) {
        int size = insn.size[0];
        boolean writes = (insn.form.accesses()[0] & Form.WRITE) != 0;
        int guest = insn.register[1];
        emit.flags.clobber(before != 0);
        int retry = out.position();
        emit.effectiveAddress(insn);
        emit.segment(insn);
        int offset = emit.register(guest, TEMP1);
        out.rr((size == 8 ? 0x8b : 0x63) | W, TEMP1, offset);
        out.rr(0xc1 | W, 7, TEMP1); // sar
        out.emit(size == 8 ? 6 : 5);
        out.rm(0x8d | W, TEMP0, TEMP0, TEMP1, size == 8 ? 3 : 2, 0);
        emit.check(retry, size, writes, false);
        emit.locked(insn, size);
        out.rr(0x8b, TEMP1, emit.register(guest, TEMP1));
        out.aluImmediate(0, 4, TEMP1, size * 8 - 1);
        if (Flags.needed(insn, after) || kept) {
            emit.flags.needKeepingTemporaries();
        }
        out.rm(PlainCode.opcode(insn), TEMP1, TEMP0, 0);
        emit.flags.written();
        if (kept) {
            emit.flags.keep();
        }
    }
}
