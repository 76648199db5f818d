package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** INVLPG and INVPCID. Translations of other PCIDs than the current one are never kept. */
final class Translations {
    private static final int ONE_ADDRESS = 0;
    private static final int ONE_PCID = 1;
    private static final int ALL = 2;
    private static final int ALL_BUT_GLOBAL = 3;
    private static final long PCID = 0xfff;

    private final Cpu cpu;
    private final Mmu mmu;

    Translations(Cpu cpu, Mmu mmu) {
        this.cpu = cpu;
        this.mmu = mmu;
    }

    void invalidate(Insn insn, long linear) {
        if (insn.op == Op.INVPCID && !cpu.protectedMode() && (cpu.cr0 & Control.CR0_PE) != 0 || cpu.cpl != 0) {
            throw cpu.gp(0);
        }
        if (insn.op == Op.INVLPG) {
            mmu.flushPage(linear);
        } else {
            byContext(insn, linear);
        }
    }

    private void byContext(Insn insn, long linear) {
        long type = cpu.gpr(insn.register[0]);
        if (cpu.codeSize() != 8) {
            type &= 0xffff_ffffL;
        }
        long pcid = mmu.read(linear, 8);
        long address = mmu.read(linear + 8, 8);
        boolean selective = type == ONE_ADDRESS || type == ONE_PCID;
        if (type < 0
                || type > ALL_BUT_GLOBAL
                || pcid >>> 12 != 0
                || selective && pcid != 0 && (cpu.cr4 & Control.CR4_PCIDE) == 0
                || type == ONE_ADDRESS && !Canonical.is(address)) {
            throw cpu.gp(0);
        }
        boolean current = pcid == ((cpu.cr4 & Control.CR4_PCIDE) != 0 ? cpu.cr3 & PCID : 0);
        if (type == ALL || type == ALL_BUT_GLOBAL) {
            mmu.flush(type == ALL);
        } else if (current) {
            if (type == ONE_ADDRESS) {
                mmu.flushPage(address);
            } else {
                mmu.flush(false);
            }
        }
    }
}
