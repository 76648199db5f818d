package jcrosvm.hypervisor.soft.interp;

import static jcrosvm.hypervisor.soft.cpu.Control.*;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** MOV to and from control registers, LMSW, SMSW, CLTS, XSETBV (SDM volume 3, 2.5). */
final class ControlRegisters {
    private static final long CR0_DEFINED =
            CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
    /** What LMSW writes; it cannot clear PE. */
    private static final long MACHINE_STATUS = CR0_PE | CR0_MP | CR0_EM | CR0_TS;

    /** Those that CPUID offers: no VME, no PVI, no 57-bit addresses. */
    private static final long CR4_DEFINED = CR4_TSD
            | CR4_DE
            | CR4_PSE
            | CR4_PAE
            | CR4_MCE
            | CR4_PGE
            | CR4_PCE
            | CR4_OSFXSR
            | CR4_OSXMMEXCPT
            | CR4_UMIP
            | CR4_FSGSBASE
            | CR4_PCIDE
            | CR4_OSXSAVE
            | CR4_SMEP
            | CR4_SMAP;

    private static final long CR4_PAGING = CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP;
    private static final long CR3_NO_FLUSH = 1L << 63;
    private static final long CR3_PCID = 0xfff;
    private static final int TASK_PRIORITY_MAX = 15;
    private static final int ADDRESS_SIZES = 0x8000_0008;
    private static final long XCR0_X87 = 1;
    private static final long XCR0_SSE = 2;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Msrs msrs;
    private final Apic apic;
    private final SystemOperands operands;
    private final int[] answer = new int[4];
    private long physicalMask;

    ControlRegisters(Cpu cpu, Mmu mmu, Msrs msrs, Apic apic, SystemOperands operands) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.msrs = msrs;
        this.apic = apic;
        this.operands = operands;
    }

    void moveTo(Insn insn) {
        int n = insn.register[0];
        checkRegister(n);
        long value = operands.read(insn, 1, width(), 0);
        switch (n) {
            case 0 -> cr0(value);
            case 2 -> cpu.cr2 = value;
            case 3 -> cr3(value);
            case 4 -> cr4(value);
            default -> {
                if (value < 0 || value > TASK_PRIORITY_MAX) {
                    throw cpu.gp(0);
                }
                apic.taskPriority((int) value);
            }
        }
    }

    void moveFrom(Insn insn) {
        int n = insn.register[1];
        checkRegister(n);
        long value = switch (n) {
            case 0 -> cpu.cr0;
            case 2 -> cpu.cr2;
            case 3 -> cpu.cr3;
            case 4 -> cpu.cr4;
            default -> apic.taskPriority();
        };
        operands.register(insn.register[0], width(), value);
    }

    private void checkRegister(int n) {
        if (n != 0 && n != 2 && n != 3 && n != 4 && n != 8) {
            throw cpu.ud();
        }
        if (cpu.cpl != 0) {
            throw cpu.gp(0);
        }
    }

    private int width() {
        return cpu.codeSize() == 8 ? 8 : 4;
    }

    /** LMSW. */
    void machineStatus(Insn insn, long linear) {
        if (cpu.cpl != 0) {
            throw cpu.gp(0);
        }
        long value = operands.readWord(insn, 0, linear);
        cr0(cpu.cr0 & ~(MACHINE_STATUS & ~CR0_PE) | value & MACHINE_STATUS);
    }

    /** SMSW. */
    void storeMachineStatus(Insn insn, long linear) {
        DescriptorInstructions.checkUserMode(cpu);
        if (insn.kind[0] == OperandKind.MEMORY) {
            mmu.write(linear, 2, cpu.cr0 & 0xffff);
        } else {
            operands.register(insn.register[0], insn.size[0], cpu.cr0);
        }
    }

    void clearTaskSwitched() {
        if (cpu.cpl != 0) {
            throw cpu.gp(0);
        }
        cpu.cr0 &= ~CR0_TS;
        cpu.modeChanged();
    }

    private void cr0(long value) {
        boolean paging = (value & CR0_PG) != 0;
        if (value >>> 32 != 0
                || paging && (value & CR0_PE) == 0
                || (value & (CR0_NW | CR0_CD)) == CR0_NW
                || !paging && (cpu.cr0 & CR0_PG) != 0 && (cpu.codeSize() == 8 || (cpu.cr4 & CR4_PCIDE) != 0)) {
            throw cpu.gp(0);
        }
        long efer = cpu.efer;
        if (paging && (cpu.cr0 & CR0_PG) == 0) {
            if ((efer & EFER_LME) != 0) {
                if ((cpu.cr4 & CR4_PAE) == 0 || (cpu.attributes[Cpu.CS] & Cpu.ATTR_L) != 0) {
                    throw cpu.gp(0);
                }
                efer |= EFER_LMA;
            }
        } else if (!paging) {
            efer &= ~EFER_LMA;
        }
        long changed = value ^ cpu.cr0;
        cpu.cr0 = value & CR0_DEFINED | CR0_ET;
        cpu.efer = efer;
        cpu.modeChanged();
        if ((changed & (CR0_PG | CR0_WP | CR0_PE)) != 0) {
            mmu.flush(true);
        }
        mmu.rightsChanged();
    }

    private void cr3(long value) {
        long physical = value;
        if (cpu.longMode()) {
            if ((cpu.cr4 & CR4_PCIDE) != 0) {
                physical &= ~CR3_NO_FLUSH;
            }
            if ((physical & ~physicalMask()) != 0) {
                throw cpu.gp(0);
            }
        }
        cpu.cr3 = physical;
        // Translations are not tagged with PCIDs, so that bit 63 cannot spare the flush.
        mmu.flush(false);
    }

    private long physicalMask() {
        if (physicalMask == 0) {
            msrs.cpuid(ADDRESS_SIZES, 0, answer);
            physicalMask = (1L << (answer[0] & 0xff)) - 1;
        }
        return physicalMask;
    }

    private void cr4(long value) {
        if ((value & ~CR4_DEFINED) != 0 || cpu.longMode() && (value & CR4_PAE) == 0) {
            throw cpu.gp(0);
        }
        long changed = value ^ cpu.cr4;
        if ((changed & value & CR4_PCIDE) != 0 && (!cpu.longMode() || (cpu.cr3 & CR3_PCID) != 0)) {
            throw cpu.gp(0);
        }
        cpu.cr4 = value;
        cpu.modeChanged();
        if ((changed & CR4_PAGING) != 0) {
            mmu.flush(true);
            mmu.rightsChanged();
        }
    }

    /** XSETBV. */
    void extended(int index, long value) {
        boolean valid = index == 0 && (value == XCR0_X87 || value == (XCR0_X87 | XCR0_SSE));
        if ((cpu.cr4 & CR4_OSXSAVE) == 0) {
            throw cpu.ud();
        }
        if (cpu.cpl != 0 || !valid) {
            throw cpu.gp(0);
        }
        cpu.xcr0 = value;
        cpu.modeChanged();
    }
}
