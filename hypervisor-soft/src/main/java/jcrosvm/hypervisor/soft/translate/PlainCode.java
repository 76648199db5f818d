package jcrosvm.hypervisor.soft.translate;

import static jcrosvm.hypervisor.soft.translate.Assembler.M1;
import static jcrosvm.hypervisor.soft.translate.Assembler.W;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP0;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP1;

import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;

/**
 * Instructions that the host executes as they are, with other registers and with the memory operand at [r10]: nothing
 * here knows what they compute.
 */
final class PlainCode {
    private final Emitter emit;
    private final Assembler out;
    private final FlagRecord record;
    /** The memory operand's value is in r10. */
    private boolean loaded;

    PlainCode(Emitter emit) {
        this.emit = emit;
        out = emit.out;
        record = new FlagRecord(emit);
    }

    /** Whether {@link #emit} does the instruction. */
    static boolean supports(Insn insn) {
        return switch (insn.op) {
            case ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, INC, DEC, NEG, NOT -> true;
            case MUL, IMUL1, IMUL2, IMUL3 -> true;
            case ROL, ROR, RCL, RCR, SHL, SHR, SAR -> true;
            case SHLD, SHRD -> insn.size[0] > 2; // by more than 16 bits vendors differ
            case BSF, BSR, LZCNT, TZCNT, POPCNT, CRC32, ADCX, ADOX -> true;
            case MOV, MOVZX, MOVSX, MOVBE, MOVNTI, XCHG, XADD, CMPXCHG8B, CMPXCHG16B -> true;
            case CBW, CWD, CMOVCC, SETCC, LAHF, SAHF, CMC, CLC, STC -> true;
            case CMPXCHG -> !(insn.memory && hasHighByte(insn));
            case BT, BTS, BTR, BTC -> !insn.memory || insn.kind[1] == OperandKind.IMMEDIATE;
            case BSWAP -> insn.operandSize != 2;
            case SIMD -> !Thunks.usesX87(insn);
            default -> false;
        };
    }

    private static boolean hasHighByte(Insn insn) {
        for (int kind : insn.kind) {
            if (kind == OperandKind.HIGH_BYTE) {
                return true;
            }
        }
        return false;
    }

    /** The instruction's opcode with its prefixes, as {@link Assembler} takes it. */
    static int opcode(Insn insn) {
        Form form = insn.form;
        int op = insn.opcode & 0xff | form.map() << 8;
        int prefix = form.prefix();
        boolean small = insn.operandSize == 2 && insn.op != Op.SIMD;
        if (prefix != 0) {
            op |= prefix << 16 | (small && prefix != 0x66 ? Assembler.ALSO_66 : 0);
        } else if (small) {
            op |= Assembler.P66;
        }
        if ((insn.rex & 8) != 0) {
            op |= W;
        }
        return insn.has(Insn.PREFIX_LOCK) ? op | Assembler.LOCK : op;
    }

    /**
     * @param kept whether the flags afterwards have to be kept for a fault that shows them
     */
    void emit(Insn insn, int before, int after, boolean kept) {
        if (insn.op == Op.SIMD) {
            emit.needXmm(before != 0);
        }
        if (insn.memory) {
            emit.flags.clobber(before != 0);
            int operand = memoryOperand(insn);
            boolean writes = (insn.form.accesses()[operand] & Form.WRITE) != 0;
            emit.memory(insn, insn.size[operand], writes, insn.form.has(Form.ALIGNED_16));
            emit.locked(insn, insn.size[operand]);
        }
        boolean changes = (insn.form.flagsWritten() & Flags.ALL) != 0;
        boolean recorded = changes && kept && FlagRecord.supports(insn);
        if (Flags.needed(insn, after) || kept && Flags.changesSome(insn)) {
            emit.flags.need();
        }
        loaded = recorded && insn.memory;
        if (recorded) {
            record.load(insn);
            record.before(insn);
        }
        encode(insn);
        if (changes) {
            emit.flags.written();
        }
        if (recorded) {
            record.after(insn);
        } else if (changes && kept) {
            emit.flags.keep();
        }
    }

    static int memoryOperand(Insn insn) {
        for (int i = 0; i < Insn.OPERANDS; i++) {
            if (insn.kind[i] == OperandKind.MEMORY) {
                return i;
            }
        }
        throw new IllegalStateException(insn.form.mnemonic());
    }

    /** Everything but address and flags; a memory operand's host address is in r10. */
    private void encode(Insn insn) {
        int op = opcode(insn);
        int reg = insn.modrm >> 3 & 7; // of a group
        int rm = TEMP0;
        int inOpcode = -1;
        int inReg = -1;
        int inRm = -1;
        int high = -1;
        boolean moffs = false;
        int temporary = insn.memory ? TEMP1 : TEMP0;
        String[] letters = insn.form.operands();
        for (int i = 0; i < letters.length; i++) {
            int kind = insn.kind[i];
            boolean gpr = kind == OperandKind.GPR || kind == OperandKind.HIGH_BYTE;
            if (!gpr && kind != OperandKind.XMM && kind != OperandKind.MEMORY) {
                continue;
            }
            int host = insn.register[i];
            if (kind == OperandKind.HIGH_BYTE) {
                high = host;
                host += 4;
            }
            char letter = letters[i].charAt(0);
            boolean explicit = "GERZVWUMO".indexOf(letter) >= 0 && !letters[i].equals("ES");
            if (kind == OperandKind.GPR && explicit) {
                host = emit.register(host, temporary);
                temporary = host == temporary ? TEMP1 : temporary;
                if (insn.size[i] == 1 && host >= 4) {
                    op |= Assembler.REX;
                }
            }
            switch (letter) {
                case 'G', 'V' -> {
                    reg = host;
                    inReg = i;
                }
                case 'E', 'R', 'W', 'U', 'M' -> {
                    if (kind != OperandKind.MEMORY) {
                        rm = host;
                        inRm = i;
                    }
                }
                case 'Z' -> {
                    rm = host;
                    inOpcode = i;
                }
                case 'O' -> moffs = true;
                default -> {} // implicit: in its own place
            }
        }
        boolean swap = high >= 0 && (rm >= 8 || reg >= 8 || (op & Assembler.REX) != 0);
        if (swap) {
            out.rr(0x86, high, high + 4); // no REX prefix can be used together with AH to BH
            op |= Assembler.REX;
            if (reg == high + 4 && inReg >= 0 && insn.kind[inReg] == OperandKind.HIGH_BYTE) {
                reg = high;
            } else {
                rm = high;
            }
        }
        if (moffs) {
            out.rm(op & ~0xff | 0x88 | insn.opcode & 1 | (~insn.opcode & 2), Assembler.RAX, TEMP0, 0);
        } else if (inOpcode >= 0) {
            opcodeRegister(insn, op, rm);
        } else if (insn.modrm < 0) {
            out.r(op, 0);
            immediates(insn);
        } else {
            if (insn.memory && !loaded) {
                out.rm(op, reg, TEMP0, 0);
            } else {
                out.rr(op, reg, rm);
            }
            immediates(insn);
        }
        if (swap) {
            out.rr(0x86, high, high + 4);
        }
        if (inReg >= 0) {
            store(insn, inReg, reg);
        }
        if (inRm >= 0) {
            store(insn, inRm, rm);
        }
        if (inOpcode >= 0) {
            store(insn, inOpcode, rm);
        }
    }

    private void store(Insn insn, int operand, int host) {
        if (insn.kind[operand] == OperandKind.GPR && (insn.form.accesses()[operand] & Form.WRITE) != 0) {
            emit.written(insn.register[operand], host);
        }
    }

    /** MOV of a constant, XCHG with rAX, BSWAP. */
    private void opcodeRegister(Insn insn, int op, int register) {
        switch (insn.op) {
            case MOV -> {
                switch (insn.size[0]) {
                    case 1 -> out.rr(op & Assembler.REX | 0xc6, 0, register);
                    case 2 -> out.rr(Assembler.P66 | 0xc7, 0, register);
                    default -> {
                        out.constant(register, insn.imm);
                        return;
                    }
                }
                immediates(insn);
            }
            case XCHG -> out.rr(op & ~0xff | 0x87, Assembler.RAX, register);
            case BSWAP -> out.r(op & ~7 | M1, register);
            default -> throw new IllegalStateException(insn.form.mnemonic());
        }
    }

    private void immediates(Insn insn) {
        String[] letters = insn.form.operands();
        for (int i = 0; i < letters.length; i++) {
            if (insn.kind[i] == OperandKind.IMMEDIATE2) {
                out.emit((int) insn.imm2);
            } else if (insn.kind[i] == OperandKind.IMMEDIATE) {
                int size = switch (letters[i].charAt(1)) {
                    case 'b', 's' -> 1;
                    case 'w' -> 2;
                    default -> insn.operandSize == 2 ? 2 : 4;
                };
                for (int k = 0; k < size; k++) {
                    out.emit((int) (insn.imm >> 8 * k));
                }
            }
        }
    }
}
