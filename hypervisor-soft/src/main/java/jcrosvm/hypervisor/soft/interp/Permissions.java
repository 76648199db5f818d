package jcrosvm.hypervisor.soft.interp;

import java.lang.foreign.ValueLayout;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Whether the mode allows an instruction: ports (SDM volume 1, 19.5) and floating point (volume 3, 2.5 and 13.1). */
final class Permissions {
    private static final int IO_MAP_BASE = 102;
    private static final int IO_MAP_LIMIT = 103;

    private static final int FSW = StateLayout.FX + 2;
    private static final int FSW_ES = 0x80;

    private final Cpu cpu;
    private final Mmu mmu;

    Permissions(Cpu cpu, Mmu mmu) {
        this.cpu = cpu;
        this.mmu = mmu;
    }

    void checkPort(int port, int size) {
        if ((cpu.cr0 & Control.CR0_PE) == 0) {
            return;
        }
        boolean virtual = cpu.virtual8086();
        if (!virtual && cpu.cpl <= (int) (cpu.rflags() & Rflags.IOPL) >> Rflags.IOPL_SHIFT) {
            return;
        }
        boolean wide = (cpu.attributes[Cpu.TR] & 8) != 0;
        long limit = cpu.limit[Cpu.TR];
        if (!wide || limit < IO_MAP_LIMIT) {
            throw cpu.gp(0);
        }
        long base = cpu.segmentBase(Cpu.TR);
        long offset = mmu.readSystem(base + IO_MAP_BASE, 2) + (port >>> 3);
        if (offset + 1 > limit) {
            throw cpu.gp(0);
        }
        long map = mmu.readSystem(base + offset, 2);
        if ((map >>> (port & 7) & (1L << size) - 1) != 0) {
            throw cpu.gp(0);
        }
    }

    /** CLI and STI; also what IOPL otherwise decides in virtual-8086 mode. */
    void checkInterruptFlag() {
        if ((cpu.cr0 & Control.CR0_PE) != 0 && cpu.cpl > (int) (cpu.rflags() & Rflags.IOPL) >> Rflags.IOPL_SHIFT) {
            throw cpu.gp(0);
        }
    }

    void checkFpu(Insn insn) {
        boolean emulated = (cpu.cr0 & Control.CR0_EM) != 0;
        boolean switched = (cpu.cr0 & Control.CR0_TS) != 0;
        if (insn.op == Op.WAIT) {
            if (switched && (cpu.cr0 & Control.CR0_MP) != 0) {
                throw cpu.fault(GuestException.NM);
            }
            checkPendingException();
        } else if (insn.op == Op.X87 || insn.op == Op.FXSAVE || insn.op == Op.FXRSTOR) {
            if (emulated || switched) {
                throw cpu.fault(GuestException.NM);
            }
            if (insn.op == Op.X87 && waits(insn)) {
                checkPendingException();
            }
        } else {
            boolean sse = insn.op == Op.LDMXCSR || insn.op == Op.STMXCSR || usesXmm(insn);
            if (emulated || sse && (cpu.cr4 & Control.CR4_OSFXSR) == 0) {
                throw cpu.ud();
            }
            if (switched) {
                throw cpu.fault(GuestException.NM);
            }
            if (!sse) {
                checkPendingException();
            }
        }
    }

    private static boolean usesXmm(Insn insn) {
        for (int i = 0; i < Insn.OPERANDS; i++) {
            if (insn.kind[i] == OperandKind.XMM) {
                return true;
            }
        }
        return false;
    }

    /** Not the control instructions that look at or clear exceptions: FNINIT, FNCLEX, FNSTCW, FNSTSW, FNSTENV, FNSAVE. */
    private static boolean waits(Insn insn) {
        int reg = insn.modrm >> 3 & 7;
        return switch (insn.opcode) {
            case 0xd9 -> !insn.memory || reg < 6;
            case 0xdb -> insn.memory || reg != 4;
            case 0xdd -> !insn.memory || reg < 6;
            case 0xdf -> insn.memory || reg != 4;
            default -> true;
        };
    }

    private void checkPendingException() {
        if ((cpu.state().get(ValueLayout.JAVA_SHORT, FSW) & FSW_ES) != 0 && (cpu.cr0 & Control.CR0_NE) != 0) {
            throw cpu.fault(GuestException.MF);
        }
    }
}
