package jcrosvm.hypervisor.soft.translate;

import static jcrosvm.hypervisor.soft.translate.Assembler.M1;
import static jcrosvm.hypervisor.soft.translate.Assembler.W;
import static jcrosvm.hypervisor.soft.translate.Frame.STATE;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP0;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP1;

import java.lang.foreign.ValueLayout;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.interp.Recalculation;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;

/**
 * Flags that only a fault or an interrupt would show. To read the host's flags is slow; instead code stores what they
 * can be calculated from: the operation in the upper half of {@link Frame#FLAGS}, and its operands or result. INC and
 * DEC are kept beside the operation before, which CF comes from. Often that much can still be found in the registers,
 * and nothing needs to be stored.
 *
 * <pre>
 *   bits 0-15   flags as LAHF and SETO give them, or an immediate operand
 *   bits 16-23  0: flags; otherwise the operation and its size, and whether the second operand is the immediate
 *   bits 24-31  INC or DEC after that and its size, or 0
 * </pre>
 */
final class FlagRecord {
    private static final int OPERATION_SHIFT = 16;
    private static final int SIZE_MASK = 3;
    private static final int OPERATION_IN_BYTE = 2;
    private static final int IMMEDIATE = 1 << 7;
    private static final int LAST_BYTE = Frame.FLAGS + 3;

    private final Emitter emit;
    private final Assembler out;

    FlagRecord(Emitter emit) {
        this.emit = emit;
        out = emit.out;
    }

    /** Whether the flags of an instruction can be recorded; of others they are saved. */
    static boolean supports(Insn insn) {
        if (insn.has(Insn.PREFIX_LOCK) || is(insn, 0, OperandKind.HIGH_BYTE) || is(insn, 1, OperandKind.HIGH_BYTE)) {
            return false;
        }
        return switch (insn.op) {
            case CMP, TEST -> true;
            case ADD, SUB, ADC, SBB, AND, OR, XOR, NEG, INC, DEC -> is(insn, 0, OperandKind.GPR);
            case MUL, IMUL1 -> insn.size[0] > 1;
            case IMUL2, IMUL3 -> true;
            case SHL, SHR, SAR -> is(insn, 0, OperandKind.GPR) && Flags.definesAll(insn);
            default -> false;
        };
    }

    /** INC or DEC of a register, whose CF is that of the record before. */
    static boolean keepsCarry(Insn insn) {
        return (insn.op == Op.INC || insn.op == Op.DEC) && supports(insn);
    }

    /** Whether the registers tell the flags as long as {@link #registers} are not changed again. */
    static boolean inRegisters(Insn insn) {
        return supports(insn)
                && switch (insn.op) {
                    case AND, OR, XOR, NEG, MUL, IMUL1 -> true;
                    case CMP, TEST, SUB -> !insn.memory;
                    case ADD -> !insn.memory && (!is(insn, 1, OperandKind.GPR) || insn.register[0] != insn.register[1]);
                    default -> false;
                };
    }

    /** Bit set of the registers that tell the flags. */
    static int registers(Insn insn) {
        if (isWide(insn)) {
            return 1 << Cpu.RAX | 1 << Cpu.RDX;
        }
        int first = 1 << insn.register[0];
        return is(insn, 1, OperandKind.GPR) && !ofResult(insn) ? first | 1 << insn.register[1] : first;
    }

    /** Its result is in rDX and rAX. */
    private static boolean isWide(Insn insn) {
        return insn.op == Op.MUL || insn.op == Op.IMUL1;
    }

    private static boolean is(Insn insn, int operand, int kind) {
        return insn.kind[operand] == kind;
    }

    private static boolean ofResult(Insn insn) {
        return switch (insn.op) {
            case AND, OR, XOR -> true;
            case TEST ->
                is(insn, 0, OperandKind.GPR) && is(insn, 1, OperandKind.GPR) && insn.register[0] == insn.register[1];
            default -> false;
        };
    }

    private static int operation(Insn insn) {
        boolean registers = inRegisters(insn);
        return switch (insn.op) {
            case ADD -> registers ? Recalculation.ADDED : Recalculation.ADD;
            case SUB -> registers ? Recalculation.SUBTRACTED : Recalculation.SUB;
            case CMP -> Recalculation.SUB;
            case ADC -> Recalculation.ADC;
            case SBB -> Recalculation.SBB;
            case NEG -> Recalculation.NEGATED;
            case MUL -> Recalculation.MULTIPLIED;
            case IMUL1 -> Recalculation.MULTIPLIED_SIGNED;
            case IMUL2, IMUL3 -> Recalculation.MULTIPLY;
            case SHL -> Recalculation.SHL;
            case SHR -> Recalculation.SHR;
            case SAR -> Recalculation.SAR;
            case INC -> Recalculation.INC;
            case DEC -> Recalculation.DEC;
            default -> ofResult(insn) ? Recalculation.LOGIC : Recalculation.AND;
        };
    }

    private static int code(Insn insn) {
        return operation(insn) << OPERATION_IN_BYTE | Integer.numberOfTrailingZeros(insn.size[0]);
    }

    /** A memory operand's value replaces its host address in r10. */
    void load(Insn insn) {
        if (insn.memory) {
            switch (insn.size[PlainCode.memoryOperand(insn)]) {
                case 1 -> out.rm(M1 | 0xb6, TEMP0, TEMP0, 0); // movzx
                case 2 -> out.rm(M1 | 0xb7, TEMP0, TEMP0, 0);
                case 4 -> out.rm(0x8b, TEMP0, TEMP0, 0);
                default -> out.load64(TEMP0, TEMP0, 0);
            }
        }
    }

    /** Before the operation, after {@link #load}; leaves the flags alone and may destroy r11. */
    void before(Insn insn) {
        if (!keepsCarry(insn) && !inRegisters(insn)) {
            operands(insn);
        }
    }

    /** After the operation. */
    void after(Insn insn) {
        if (keepsCarry(insn)) {
            store(insn, 0, Frame.RECORD_LAST);
            out.rm(0xc6, 0, STATE, LAST_BYTE);
            out.emit(code(insn));
        } else if (inRegisters(insn)) {
            operands(insn);
        } else if (insn.op == Op.ADC || insn.op == Op.SBB) {
            store(insn, 0, Frame.RECORD_RESULT);
        }
    }

    /** Records what is in registers or r10. */
    private void operands(Insn insn) {
        int word = code(insn) << OPERATION_SHIFT;
        int first = insn.op == Op.IMUL3 ? 1 : 0;
        if (isWide(insn)) {
            out.store64(Assembler.RDX, STATE, Frame.RECORD_A);
            out.store64(Assembler.RAX, STATE, Frame.RECORD_B);
        } else {
            store(insn, first, Frame.RECORD_A);
        }
        if (!isWide(insn) && insn.op != Op.NEG && !ofResult(insn)) {
            long value = constant(insn);
            int second = insn.kind[first + 1];
            if (second == OperandKind.GPR || second == OperandKind.MEMORY) {
                store(insn, first + 1, Frame.RECORD_B);
            } else if (value == (short) value) {
                word |= IMMEDIATE << OPERATION_SHIFT | (int) value & 0xffff;
            } else {
                out.rm(0xc7 | W, 0, STATE, Frame.RECORD_B);
                out.emit32((int) value);
            }
        }
        out.rm(0xc7, 0, STATE, Frame.FLAGS);
        out.emit32(word);
    }

    private static long constant(Insn insn) {
        return is(insn, 1, OperandKind.ONE) ? 1 : insn.imm;
    }

    private void store(Insn insn, int operand, int field) {
        boolean memory = is(insn, operand, OperandKind.MEMORY);
        out.store64(memory ? TEMP0 : emit.register(insn.register[operand], TEMP1), STATE, field);
    }

    // Reading

    /** Whether the frame has flags themselves, below what {@link #recover(int, Cpu, Recalculation)} adds. */
    static boolean isSaved(int record) {
        return (record >>> OPERATION_SHIFT & 0xff) == 0;
    }

    /** Makes the processor's flags those of a record. */
    static void recover(int record, Cpu cpu, Recalculation flags) {
        int code = record >>> OPERATION_SHIFT & 0xff;
        if (code != 0) {
            boolean immediate = (code & IMMEDIATE) != 0;
            flags.apply(
                    (code & ~IMMEDIATE) >> OPERATION_IN_BYTE,
                    1 << (code & SIZE_MASK),
                    value(cpu, Frame.RECORD_A),
                    immediate ? (short) record : value(cpu, Frame.RECORD_B),
                    value(cpu, Frame.RECORD_RESULT));
        }
        int last = record >>> 24;
        if (last != 0) {
            flags.apply(last >> OPERATION_IN_BYTE, 1 << (last & SIZE_MASK), value(cpu, Frame.RECORD_LAST), 0, 0);
        }
    }

    private static long value(Cpu cpu, int field) {
        return cpu.state().get(ValueLayout.JAVA_LONG, field);
    }

    // Flags that registers tell

    private static final int TOLD_SECOND_SHIFT = 4;
    private static final int TOLD_IMMEDIATE = 1 << 8;
    private static final int TOLD_CODE_SHIFT = 9;

    /**
     * How the registers tell the flags of an instruction: bits 0-3 the register of the first operand, 4-7 of the second,
     * bit 8 that {@link #immediate} is the second, from bit 9 on the operation and its size. Not 0.
     */
    static int told(Insn insn) {
        int code = code(insn) << TOLD_CODE_SHIFT;
        if (isWide(insn)) {
            return code | Cpu.RAX << TOLD_SECOND_SHIFT | Cpu.RDX;
        }
        boolean second = is(insn, 1, OperandKind.GPR);
        return code | (second ? insn.register[1] << TOLD_SECOND_SHIFT : TOLD_IMMEDIATE) | insn.register[0];
    }

    /** The instruction's immediate operand, sign-extended from 32 bits. */
    static int immediate(Insn insn) {
        return (int) constant(insn);
    }

    /** Makes the processor's flags those that {@link #told} tells. */
    static void recover(int told, int immediate, Cpu cpu, Recalculation flags) {
        int code = told >> TOLD_CODE_SHIFT;
        long second = (told & TOLD_IMMEDIATE) != 0 ? immediate : cpu.gpr(told >> TOLD_SECOND_SHIFT & 15);
        flags.apply(code >> OPERATION_IN_BYTE, 1 << (code & SIZE_MASK), cpu.gpr(told & 15), second, 0);
    }
}
