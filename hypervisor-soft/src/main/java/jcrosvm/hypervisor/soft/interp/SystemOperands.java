package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Operands of system instructions: general registers and memory, of sizes that the instruction chooses. */
final class SystemOperands {
    private final Cpu cpu;
    private final Mmu mmu;

    SystemOperands(Cpu cpu, Mmu mmu) {
        this.cpu = cpu;
        this.mmu = mmu;
    }

    /** The operand's low bytes, zero-extended. */
    long read(Insn insn, int i, int size, long linear) {
        if (insn.kind[i] == OperandKind.MEMORY) {
            return mmu.read(linear, size);
        }
        long value = cpu.gpr(insn.register[i]);
        return size == 8 ? value : value & (1L << 8 * size) - 1;
    }

    int readWord(Insn insn, int i, long linear) {
        return (int) read(insn, i, 2, linear);
    }

    /** Writes a word to memory, or a value of the operand size to a register. */
    void writeWordOrRegister(Insn insn, int i, long linear, long value) {
        if (insn.kind[i] == OperandKind.MEMORY) {
            mmu.write(linear, 2, value & 0xffff);
        } else {
            register(insn.register[i], insn.size[i], value);
        }
    }

    /** A write of 4 bytes clears the upper half, one of 2 bytes keeps the rest. */
    void register(int n, int size, long value) {
        cpu.gpr(
                n,
                switch (size) {
                    case 8 -> value;
                    case 4 -> value & 0xffff_ffffL;
                    default -> cpu.gpr(n) & ~0xffffL | value & 0xffff;
                });
    }
}
