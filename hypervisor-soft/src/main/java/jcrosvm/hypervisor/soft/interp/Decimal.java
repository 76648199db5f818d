package jcrosvm.hypervisor.soft.interp;

import static jcrosvm.hypervisor.soft.cpu.Rflags.AF;
import static jcrosvm.hypervisor.soft.cpu.Rflags.CF;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.isa.Insn;

/** The decimal adjustments, outside 64-bit mode. Undefined flags are those of the addition or subtraction inside. */
final class Decimal {
    private final Cpu cpu;
    private final Operands operands;
    private final Alu alu;

    Decimal(Cpu cpu, Operands operands, Alu alu) {
        this.cpu = cpu;
        this.operands = operands;
        this.alu = alu;
    }

    void execute(Insn insn) {
        switch (insn.op) {
            case AAA -> unpacked(false);
            case AAS -> unpacked(true);
            case DAA -> packed(false);
            case DAS -> packed(true);
            case AAM -> {
                int base = (int) insn.imm & 0xff;
                if (base == 0) {
                    throw cpu.fault(GuestException.DE);
                }
                int al = (int) operands.register(Cpu.RAX, 1);
                operands.register(Cpu.RAX, 2, al / base << 8 | al % base);
                alu.logic(1, al % base);
                alu.commit();
            }
            case AAD -> {
                long ax = operands.register(Cpu.RAX, 2);
                long r = alu.add(1, ax & 0xff, (ax >>> 8) * (insn.imm & 0xff) & 0xff);
                operands.register(Cpu.RAX, 2, r);
                alu.commit();
            }
            default -> throw new IllegalArgumentException(insn.op.name());
        }
    }

    private void unpacked(boolean subtract) {
        long ax = operands.register(Cpu.RAX, 2);
        boolean adjust = (ax & 0xf) > 9 || cpu.flag(AF);
        long by = adjust ? 0x106 : 0;
        long r = subtract ? alu.sub(2, ax, by) : alu.add(2, ax, by);
        operands.register(Cpu.RAX, 2, r & 0xff0f);
        cpu.rflags(alu.flags() & ~(AF | CF) | (adjust ? AF | CF : 0));
    }

    private void packed(boolean subtract) {
        long al = operands.register(Cpu.RAX, 1);
        boolean low = (al & 0xf) > 9 || cpu.flag(AF);
        boolean high = al > 0x99 || cpu.flag(CF);
        long by = (low ? 6L : 0) + (high ? 0x60L : 0);
        boolean borrow = subtract && low && al < 6; // DAS alone gives the carry of its first step to CF
        long r = subtract ? alu.sub(1, al, by) : alu.add(1, al, by);
        operands.register(Cpu.RAX, 1, r);
        cpu.rflags(alu.flags() & ~(AF | CF) | (low ? AF : 0) | (high || borrow ? CF : 0));
    }
}
