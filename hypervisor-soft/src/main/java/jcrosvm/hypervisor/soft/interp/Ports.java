package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import jcrosvm.hypervisor.soft.mmu.Outside;

/** IN, OUT, INS and OUTS. */
final class Ports {
    /** Iterations between looks at the requests. */
    private static final int BURST = 64;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Outside outside;
    private final Operands operands;
    private final Strings strings;
    private final SystemInstructions system;

    Ports(Cpu cpu, Mmu mmu, Outside outside, Operands operands, Strings strings, SystemInstructions system) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.outside = outside;
        this.operands = operands;
        this.strings = strings;
        this.system = system;
    }

    /** Returns {@code next}, or RIP when there is more to do. */
    long execute(Insn insn, long next) {
        int size = (insn.opcode & 1) == 0 ? 1 : Math.min(insn.operandSize, 4);
        if (insn.op == Op.INS || insn.op == Op.OUTS) {
            return string(insn, size, next);
        }
        // Of the opcodes e4 to e7 and ec to ef, bit 3 says DX, bit 1 OUT.
        int port = (int) ((insn.opcode & 8) == 0 ? insn.imm & 0xff : cpu.gpr(Cpu.RDX) & 0xffff);
        system.checkPort(port, size);
        if (insn.op == Op.OUT) {
            outside.portWrite(port, size, operands.register(Cpu.RAX, size));
        } else {
            operands.register(Cpu.RAX, size, outside.portRead(port, size));
        }
        return next;
    }

    private long string(Insn insn, int size, long next) {
        int port = (int) cpu.gpr(Cpu.RDX) & 0xffff;
        system.checkPort(port, size);
        if (!Strings.repeated(insn)) {
            iteration(insn, port, size);
            return next;
        }
        int width = insn.addressSize;
        long count = operands.register(Cpu.RCX, width);
        int burst = cpu.flag(Rflags.TF) ? 1 : BURST;
        for (int i = 0; i < burst && count != 0; i++) {
            iteration(insn, port, size);
            operands.register(Cpu.RCX, width, --count);
        }
        return count == 0 ? next : cpu.rip();
    }

    private void iteration(Insn insn, int port, int size) {
        if (insn.op == Op.INS) {
            long linear = strings.destination(insn, size, true);
            mmu.align(linear, size);
            mmu.probe(linear, size, true); // before the device notices
            mmu.write(linear, size, outside.portRead(port, size));
            strings.advance(Cpu.RDI, insn.addressSize, size);
        } else {
            outside.portWrite(port, size, mmu.read(strings.source(insn, size), size));
            strings.advance(Cpu.RSI, insn.addressSize, size);
        }
    }
}
