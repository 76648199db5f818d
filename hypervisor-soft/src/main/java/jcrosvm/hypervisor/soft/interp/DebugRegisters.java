package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.isa.Insn;

/** MOV to and from debug registers (SDM volume 3, 19.2). */
final class DebugRegisters {
    private static final int DR6 = 6;
    private static final int DR7 = 7;
    private static final long DR6_WRITABLE = 0xe00f;
    private static final long DR7_WRITABLE = 0xffff_2bffL;

    private final Cpu cpu;
    private final Debugging debugging;
    private final SystemOperands operands;

    DebugRegisters(Cpu cpu, Debugging debugging, SystemOperands operands) {
        this.cpu = cpu;
        this.debugging = debugging;
        this.operands = operands;
    }

    void moveTo(Insn insn) {
        int n = register(insn.register[0]);
        long value = operands.read(insn, 1, width(), 0);
        if (n >= DR6 && value >>> 32 != 0) {
            throw cpu.gp(0);
        }
        cpu.dr[n] = switch (n) {
            case DR6 -> value & DR6_WRITABLE | Debugging.DR6_FIXED;
            case DR7 -> value & DR7_WRITABLE | Debugging.DR7_FIXED;
            default -> value;
        };
        debugging.changed();
    }

    void moveFrom(Insn insn) {
        operands.register(insn.register[0], width(), cpu.dr[register(insn.register[1])]);
    }

    private int width() {
        return cpu.codeSize() == 8 ? 8 : 4;
    }

    /** Checks the access; DR4 and DR5 are other names of DR6 and DR7 unless CR4.DE forbids them. */
    private int register(int n) {
        boolean alias = n == 4 || n == 5;
        if (n > DR7 || alias && (cpu.cr4 & Control.CR4_DE) != 0) {
            throw cpu.ud();
        }
        if (cpu.cpl != 0) {
            throw cpu.gp(0);
        }
        debugging.generalDetect();
        return alias ? n + 2 : n;
    }
}
