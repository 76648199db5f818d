package jcrosvm.hypervisor.soft;

import java.lang.foreign.ValueLayout;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;

/** Registers after power-on and after INIT (SDM volume 3, table 10-1). */
final class ResetState {
    private static final int DATA = 0x93; // present, read/write, accessed
    private static final int LDT = 0x82;
    private static final int TSS_BUSY = 0x8b;
    private static final long RESET_BASE = 0xffff_0000L;
    private static final int RESET_SELECTOR = 0xf000;
    private static final long RESET_IP = 0xfff0;
    private static final long DR6 = 0xffff_0ff0L;
    private static final long DR7 = 0x400;

    private static final int FCW = 0;
    private static final int FTW = 4; // abridged: one bit for each register that is not empty
    private static final short FCW_RESET = 0x40;
    private static final byte FTW_RESET = (byte) 0xff;
    private static final int MXCSR_RESET = 0x1f80;

    private ResetState() {}

    static void powerOn(Cpu cpu) {
        cpu.cr0 = Control.CR0_NW | Control.CR0_CD;
        cpu.xcr0 = 1;
        cpu.state().asSlice(StateLayout.FX, 512).fill((byte) 0);
        cpu.state().set(ValueLayout.JAVA_SHORT, StateLayout.FX + FCW, FCW_RESET);
        cpu.state().set(ValueLayout.JAVA_BYTE, StateLayout.FX + FTW, FTW_RESET);
        cpu.state().set(ValueLayout.JAVA_INT, StateLayout.MXCSR, MXCSR_RESET);
        init(cpu);
    }

    /** Floating point, caching bits of CR0, and MSRs but EFER stay. */
    static void init(Cpu cpu) {
        for (int n = 0; n < 16; n++) {
            cpu.gpr(n, 0);
        }
        cpu.gpr(Cpu.RDX, SoftCpuid.SIGNATURE);
        cpu.rflags(Rflags.FIXED);
        cpu.rip(RESET_IP);
        for (int n = 0; n < Cpu.SEGMENTS; n++) {
            cpu.selector[n] = 0;
            cpu.limit[n] = 0xffff;
            cpu.attributes[n] = DATA;
            cpu.segmentBase(n, 0);
        }
        cpu.selector[Cpu.CS] = RESET_SELECTOR;
        cpu.segmentBase(Cpu.CS, RESET_BASE);
        cpu.attributes[Cpu.CS] = 0x9b;
        cpu.attributes[Cpu.LDTR] = LDT;
        cpu.attributes[Cpu.TR] = TSS_BUSY;
        cpu.gdtBase = 0;
        cpu.gdtLimit = 0xffff;
        cpu.idtBase = 0;
        cpu.idtLimit = 0xffff;
        cpu.cr0 = (cpu.cr0 & (Control.CR0_NW | Control.CR0_CD)) | Control.CR0_ET;
        cpu.cr2 = 0;
        cpu.cr3 = 0;
        cpu.cr4 = 0;
        cpu.efer = 0;
        java.util.Arrays.fill(cpu.dr, 0);
        cpu.dr[6] = DR6;
        cpu.dr[7] = DR7;
        cpu.cpl = 0;
        cpu.halted = false;
        cpu.interruptShadow = false;
        cpu.nmiBlocked = false;
        cpu.modeChanged();
    }

    /** @param page number of the page below 1 MiB where it begins */
    static void startAt(Cpu cpu, int page) {
        cpu.selector[Cpu.CS] = page << 8;
        cpu.segmentBase(Cpu.CS, (long) page << 12);
        cpu.rip(0);
        cpu.modeChanged();
    }
}
