package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/**
 * The most frequent instructions of 64-bit code once more, for speed: with whole registers of 32 and 64 bits, decided
 * when they are decoded.
 */
final class Shortcuts {
    // Routes beside those of Route
    static final int FIRST = 32;
    private static final int MOVE = 32;
    private static final int CONSTANT = 33;
    private static final int LOAD = 34;
    private static final int LOAD_SIGNED = 35;
    private static final int STORE = 36;
    private static final int ADDRESS = 37;
    private static final int WITH_REGISTER = 38;
    private static final int WITH_CONSTANT = 39;
    private static final int WITH_MEMORY = 40;
    private static final int COMPARE_MEMORY = 41;
    private static final int JUMP_IF = 42;
    private static final int JUMP = 43;
    private static final int PUSH = 44;
    private static final int POP = 45;
    private static final int CALL = 46;
    private static final int RETURN = 47;

    // What the routes WITH_... and COMPARE_... compute
    private static final int ADD = 0;
    private static final int OR = 1;
    private static final int ADC = 2;
    private static final int SBB = 3;
    private static final int AND = 4;
    private static final int SUB = 5;
    private static final int XOR = 6;
    private static final int CMP = 7;
    private static final int TEST = 8;
    private static final int INC = 9;
    private static final int DEC = 10;

    // Packed operands: destination, source, operation, size of the destination, size of the source
    private static final int SOURCE = 4;
    private static final int OPERATION = 8;
    private static final int SIZE = 12;
    private static final int SOURCE_SIZE = 16;
    private static final int NIBBLE = 15;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Addressing addressing;
    private final Alu alu;

    Shortcuts(Cpu cpu, Mmu mmu, Addressing addressing, Alu alu) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.addressing = addressing;
        this.alu = alu;
    }

    /** The shortcut for an instruction of 64-bit code, or its usual route. */
    static int route(Insn insn) {
        int[] kind = insn.kind;
        boolean toRegister = kind[0] == OperandKind.GPR && insn.size[0] >= 4;
        boolean fromMemory = kind[1] == OperandKind.MEMORY;
        int usual = Route.of(insn.op);
        if ((insn.prefixes & Insn.PREFIX_LOCK) != 0) {
            return usual;
        }
        switch (insn.op) {
            case MOV, MOVZX -> {
                if (toRegister && kind[1] == OperandKind.GPR) {
                    return MOVE;
                }
                if (toRegister && kind[1] == OperandKind.IMMEDIATE) {
                    return CONSTANT;
                }
                if (toRegister && fromMemory) {
                    return LOAD;
                }
                return kind[0] == OperandKind.MEMORY && kind[1] == OperandKind.GPR ? STORE : usual;
            }
            case MOVSX -> {
                return toRegister && fromMemory ? LOAD_SIGNED : usual;
            }
            case LEA -> {
                return toRegister ? ADDRESS : usual;
            }
            case ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, INC, DEC -> {
                boolean constant = kind[1] == OperandKind.IMMEDIATE || kind[1] == OperandKind.NONE;
                if (toRegister) {
                    return kind[1] == OperandKind.GPR
                            ? WITH_REGISTER
                            : constant ? WITH_CONSTANT : fromMemory ? WITH_MEMORY : usual;
                }
                boolean compares = insn.op == Op.CMP || insn.op == Op.TEST;
                return compares && kind[0] == OperandKind.MEMORY && constant ? COMPARE_MEMORY : usual;
            }
            case JCC -> {
                return JUMP_IF;
            }
            case JMP -> {
                return JUMP;
            }
            case PUSH -> {
                return insn.operandSize == 8 && kind[0] == OperandKind.GPR ? PUSH : usual;
            }
            case POP -> {
                return insn.operandSize == 8 && kind[0] == OperandKind.GPR ? POP : usual;
            }
            case CALL -> {
                return insn.operandSize == 8 ? CALL : usual;
            }
            case RET -> {
                return insn.operandSize == 8 && insn.opcode == 0xc3 ? RETURN : usual;
            }
            default -> {
                return usual;
            }
        }
    }

    /** What {@link #execute} needs of an instruction, in one number. */
    static int pack(Insn insn) {
        int operation = switch (insn.op) {
            case OR -> OR;
            case ADC -> ADC;
            case SBB -> SBB;
            case AND -> AND;
            case SUB -> SUB;
            case XOR -> XOR;
            case CMP -> CMP;
            case TEST -> TEST;
            case INC -> INC;
            case DEC -> DEC;
            default -> ADD;
        };
        return insn.register[0] & NIBBLE
                | (insn.register[1] & NIBBLE) << SOURCE
                | operation << OPERATION
                | (insn.size[0] & NIBBLE) << SIZE
                | (insn.size[1] & NIBBLE) << SOURCE_SIZE;
    }

    private static long mask(int packed, int shift) {
        return Alu.mask(packed >>> shift & NIBBLE);
    }

    private long source(int packed) {
        return cpu.gpr(packed >>> SOURCE & NIBBLE);
    }

    long execute(Insn insn, int route, int packed, long next) {
        switch (route) {
            case MOVE -> cpu.gpr(packed & NIBBLE, source(packed) & mask(packed, SOURCE_SIZE));
            case CONSTANT -> cpu.gpr(packed & NIBBLE, insn.imm & mask(packed, SIZE));
            case LOAD -> cpu.gpr(packed & NIBBLE, mmu.read(addressing.linear(insn), packed >>> SOURCE_SIZE & NIBBLE));
            case LOAD_SIGNED -> {
                int size = packed >>> SOURCE_SIZE & NIBBLE;
                long value = Alu.signExtend(size, mmu.read(addressing.linear(insn), size));
                cpu.gpr(packed & NIBBLE, value & mask(packed, SIZE));
            }
            case STORE ->
                mmu.write(
                        addressing.linear(insn), packed >>> SIZE & NIBBLE, source(packed) & mask(packed, SOURCE_SIZE));
            case ADDRESS -> cpu.gpr(packed & NIBBLE, addressing.effective(insn) & mask(packed, SIZE));
            case WITH_REGISTER -> compute(packed, source(packed) & mask(packed, SOURCE_SIZE));
            case WITH_CONSTANT -> compute(packed, insn.imm & mask(packed, SIZE));
            case WITH_MEMORY -> compute(packed, mmu.read(addressing.linear(insn), packed >>> SOURCE_SIZE & NIBBLE));
            case COMPARE_MEMORY -> {
                int size = packed >>> SIZE & NIBBLE;
                long a = mmu.read(addressing.linear(insn), size);
                long b = insn.imm & Alu.mask(size);
                if ((packed >>> OPERATION & NIBBLE) == CMP) {
                    alu.sub(size, a, b);
                } else {
                    alu.and(size, a, b);
                }
                alu.commit();
            }
            case JUMP_IF -> {
                return Alu.condition(insn.opcode, cpu.rflags()) ? target(next + insn.imm) : next;
            }
            case JUMP -> {
                return target(next + insn.imm);
            }
            default -> {
                return stack(insn, route, packed, next);
            }
        }
        return next;
    }

    private long target(long to) {
        if (!Addressing.canonical(to)) {
            throw cpu.gp(0);
        }
        return to;
    }

    private void compute(int packed, long b) {
        int register = packed & NIBBLE;
        int size = packed >>> SIZE & NIBBLE;
        long a = cpu.gpr(register) & Alu.mask(size);
        long r;
        switch (packed >>> OPERATION & NIBBLE) {
            case ADD -> r = alu.add(size, a, b);
            case SUB -> r = alu.sub(size, a, b);
            case AND -> r = alu.logic(size, a & b);
            case OR -> r = alu.logic(size, a | b);
            case XOR -> r = alu.logic(size, a ^ b);
            case ADC -> r = alu.adc(size, a, b);
            case SBB -> r = alu.sbb(size, a, b);
            case INC -> r = alu.inc(size, a);
            case DEC -> r = alu.dec(size, a);
            case CMP -> {
                alu.sub(size, a, b);
                alu.commit();
                return;
            }
            default -> {
                alu.logic(size, a & b);
                alu.commit();
                return;
            }
        }
        cpu.gpr(register, r);
        alu.commit();
    }

    private long stack(Insn insn, int route, int packed, long next) {
        long rsp = cpu.gpr(Cpu.RSP);
        switch (route) {
            case PUSH -> {
                long to = addressing.stack(rsp - 8);
                mmu.write(to, 8, cpu.gpr(packed & NIBBLE));
                cpu.gpr(Cpu.RSP, to);
                return next;
            }
            case POP -> {
                long value = mmu.read(addressing.stack(rsp), 8);
                cpu.gpr(Cpu.RSP, rsp + 8);
                cpu.gpr(packed & NIBBLE, value);
                return next;
            }
            case CALL -> {
                long target = target(next + insn.imm);
                long to = addressing.stack(rsp - 8);
                mmu.write(to, 8, next);
                cpu.gpr(Cpu.RSP, to);
                return target;
            }
            case RETURN -> {
                long target = target(mmu.read(addressing.stack(rsp), 8));
                cpu.gpr(Cpu.RSP, rsp + 8);
                return target;
            }
            default -> throw new IllegalArgumentException(insn.op.name());
        }
    }
}
