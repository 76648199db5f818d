package jcrosvm.hypervisor.soft.interp;

import static jcrosvm.hypervisor.soft.cpu.Rflags.AF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.CF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.PF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.SF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.ZF;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Moves, conversions, conditional moves, and what goes between flags and registers. */
final class Movement {
    private static final int LOW_FLAGS = SF | ZF | AF | PF | CF;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Operands operands;
    private final Addressing addressing;
    private final RandomNumbers random = new RandomNumbers();

    Movement(Cpu cpu, Mmu mmu, Operands operands, Addressing addressing) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.operands = operands;
        this.addressing = addressing;
    }

    void execute(Insn insn, long linear) {
        switch (insn.op) {
            case MOV, MOVZX, MOVNTI -> operands.write(insn, 0, linear, operands.read(insn, 1, linear));
            case MOVSX -> operands.write(insn, 0, linear, Alu.signExtend(insn.size[1], operands.read(insn, 1, linear)));
            case MOVBE -> operands.write(insn, 0, linear, reversed(operands.read(insn, 1, linear), insn.size[0]));
            case BSWAP -> {
                // Of 16 bits: undefined; the processors write 0.
                int size = insn.size[0];
                operands.write(insn, 0, 0, size == 2 ? 0 : reversed(operands.read(insn, 0, 0), size));
            }
            case CBW -> {
                int size = insn.operandSize;
                long half = operands.register(Cpu.RAX, size >> 1);
                operands.register(Cpu.RAX, size, Alu.signExtend(size >> 1, half));
            }
            case CWD -> {
                int size = insn.operandSize;
                long sign = Alu.signExtend(size, cpu.gpr(Cpu.RAX)) >> 63;
                operands.register(Cpu.RDX, size, sign);
            }
            case CMOVCC -> {
                long value = operands.read(insn, 1, linear);
                // A 32-bit register is zero-extended either way.
                operands.write(
                        insn, 0, linear, Alu.condition(insn.opcode, cpu.rflags()) ? value : operands.read(insn, 0, 0));
            }
            case SETCC -> operands.write(insn, 0, linear, Alu.condition(insn.opcode, cpu.rflags()) ? 1 : 0);
            case RDPID -> cpu.gpr(insn.register[0], cpu.tscAux & 0xffff_ffffL);
            case RDRAND, RDSEED -> {
                operands.write(insn, 0, 0, random.next());
                cpu.rflags(cpu.rflags() & ~Rflags.ARITHMETIC | CF);
            }
            case BOUND -> bound(insn, linear);
            case XLAT -> {
                long offset = cpu.gpr(Cpu.RBX) + (cpu.gpr(Cpu.RAX) & 0xff);
                offset = Addressing.truncate(offset, insn.addressSize);
                operands.register(Cpu.RAX, 1, mmu.read(addressing.linear(insn.segment, offset, 1, false), 1));
            }
            default -> throw new IllegalArgumentException(insn.op.name());
        }
    }

    private static long reversed(long value, int size) {
        return Long.reverseBytes(value) >>> (Long.BYTES - size << 3);
    }

    private void bound(Insn insn, long linear) {
        int size = insn.operandSize;
        long index = Alu.signExtend(size, operands.register(insn.register[0], size));
        long lower = Alu.signExtend(size, mmu.read(linear, size));
        long upper = Alu.signExtend(size, mmu.read(linear + size, size));
        if (index < lower || index > upper) {
            throw cpu.fault(GuestException.BR);
        }
    }

    /** LAHF, SAHF, SALC and the instructions that change one flag. */
    void flags(Insn insn) {
        long flags = cpu.rflags();
        switch (insn.op) {
            case LAHF -> cpu.gpr(Cpu.RAX, cpu.gpr(Cpu.RAX) & ~0xff00L | (flags & LOW_FLAGS | Rflags.FIXED) << 8);
            case SAHF -> cpu.rflags(flags & ~LOW_FLAGS | cpu.gpr(Cpu.RAX) >>> 8 & LOW_FLAGS);
            case SALC -> cpu.gpr(Cpu.RAX, cpu.gpr(Cpu.RAX) & ~0xffL | -(flags & CF) & 0xff);
            case CMC -> cpu.rflags(flags ^ CF);
            case CLC -> cpu.rflags(flags & ~CF);
            case STC -> cpu.rflags(flags | CF);
            case CLD -> cpu.rflags(flags & ~Rflags.DF);
            case STD -> cpu.rflags(flags | Rflags.DF);
            default -> throw new IllegalArgumentException(insn.op.name());
        }
    }
}
