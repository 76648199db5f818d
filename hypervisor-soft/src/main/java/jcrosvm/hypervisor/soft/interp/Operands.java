package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Reads and writes an instruction's operands: general registers, memory, immediates. */
public final class Operands {
    private final Cpu cpu;
    private final Mmu mmu;

    public Operands(Cpu cpu, Mmu mmu) {
        this.cpu = cpu;
        this.mmu = mmu;
    }

    /**
     * Value of operand {@code i}: registers and memory zero-extended from its size, immediates as decoded.
     *
     * @param linear address of the memory operand
     */
    public long read(Insn insn, int i, long linear) {
        return switch (insn.kind[i]) {
            case OperandKind.GPR -> cpu.gpr(insn.register[i]) & Alu.mask(insn.size[i]);
            case OperandKind.MEMORY -> mmu.read(linear, insn.size[i]);
            case OperandKind.HIGH_BYTE -> cpu.gpr(insn.register[i]) >>> 8 & 0xff;
            case OperandKind.IMMEDIATE2 -> insn.imm2;
            case OperandKind.ONE -> 1;
            default -> insn.imm;
        };
    }

    /** Stores into operand {@code i}: 32-bit registers are zero-extended, smaller ones keep the rest. */
    public void write(Insn insn, int i, long linear, long value) {
        switch (insn.kind[i]) {
            case OperandKind.GPR -> register(insn.register[i], insn.size[i], value);
            case OperandKind.MEMORY -> mmu.write(linear, insn.size[i], value);
            case OperandKind.HIGH_BYTE -> {
                int n = insn.register[i];
                cpu.gpr(n, cpu.gpr(n) & ~0xff00L | (value & 0xff) << 8);
            }
            default -> throw new IllegalArgumentException("operand " + i + " of " + insn.op + " cannot be written");
        }
    }

    /** A general register's low bytes, zero-extended. */
    long register(int n, int size) {
        return cpu.gpr(n) & Alu.mask(size);
    }

    /** Writes a general register in the manner of its size. */
    void register(int n, int size, long value) {
        switch (size) {
            case 8 -> cpu.gpr(n, value);
            case 4 -> cpu.gpr(n, value & 0xffff_ffffL);
            case 2 -> cpu.gpr(n, cpu.gpr(n) & ~0xffffL | value & 0xffff);
            default -> cpu.gpr(n, cpu.gpr(n) & ~0xffL | value & 0xff);
        }
    }

    /** Reads memory that the same instruction will write: a page fault says so. */
    long readForWrite(long linear, int size) {
        try {
            return mmu.read(linear, size);
        } catch (GuestException e) {
            if (e.vector() == GuestException.PF) {
                mmu.probe(linear, size, true);
            }
            throw e;
        }
    }
}
