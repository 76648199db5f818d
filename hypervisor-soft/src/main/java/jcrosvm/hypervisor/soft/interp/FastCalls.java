package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/**
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT, as AMD's processors do them (APM volume 3), except that SYSENTER works from
 * compatibility mode too: 32-bit programs then run whichever a kernel chose for them. Each returns the new RIP.
 */
public final class FastCalls {
    private static final long MASK_32 = 0xffff_ffffL;
    private static final int RPL = 3;
    /** What SYSRET takes from r11: all flags that exist but RF and VM. */
    public static final int RETURNED_FLAGS = 0x3c_7fd7;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Segmentation segmentation;
    private final Debugging debugging;

    FastCalls(Cpu cpu, Mmu mmu, Segmentation segmentation, Debugging debugging) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.segmentation = segmentation;
        this.debugging = debugging;
    }

    long systemCall(long next) {
        if ((cpu.efer & Control.EFER_SCE) == 0) {
            throw cpu.ud();
        }
        long target;
        long flags = cpu.rflags() & ~(long) Rflags.RF;
        if (cpu.longMode()) {
            target = cpu.codeSize() == 8 ? cpu.lstar : cpu.cstar;
            cpu.gpr(Cpu.RCX, next);
            cpu.gpr(Cpu.R11, flags);
            flags = flags & ~cpu.sfmask | Rflags.FIXED;
        } else {
            target = cpu.star & MASK_32;
            cpu.gpr(Cpu.RCX, next & MASK_32);
            flags &= ~(long) (Rflags.IF | Rflags.VM);
        }
        enter(callCode(), flags);
        return target;
    }

    /** The selectors of SYSCALL. */
    public int callCode() {
        return (int) (cpu.star >>> 32) & 0xfffc;
    }

    public int callStack() {
        return callCode() + 8 & 0xffff;
    }

    /** The selectors of SYSRET, to 64-bit code if it is {@code wide}. */
    public int returnCode(boolean wide) {
        int base = (int) (cpu.star >>> 48);
        return (wide ? base + 16 : base) & 0xffff | RPL;
    }

    public int returnStack() {
        return (int) (cpu.star >>> 48) + 8 & 0xffff | RPL;
    }

    /** After a SYSCALL (level 0) or SYSRET (3) between 64-bit code, of which only segments and rights are left to do. */
    public void arrived(int level) {
        if (level == 0) {
            segmentation.setFlat(callCode(), callStack(), 0, true);
        } else {
            segmentation.setFlat(returnCode(true), returnStack(), 3, true);
        }
        mmu.rightsChanged();
    }

    private void enter(int code, long flags) {
        if ((flags & Rflags.TF) == 0) {
            debugging.suppressStep();
        }
        debugging.loadFlags(flags);
        segmentation.setFlat(code, code + 8 & 0xffff, 0, cpu.longMode());
        mmu.rightsChanged();
    }

    long systemReturn(int operandSize) {
        if ((cpu.efer & Control.EFER_SCE) == 0) {
            throw cpu.ud();
        }
        if (!cpu.protectedMode() || cpu.cpl != 0) {
            throw cpu.gp(0);
        }
        boolean wide = operandSize == 8;
        long flags = cpu.longMode() ? cpu.gpr(Cpu.R11) & RETURNED_FLAGS | Rflags.FIXED : cpu.rflags() | Rflags.IF;
        long target = cpu.gpr(Cpu.RCX);
        debugging.loadFlags(flags);
        if ((flags & Rflags.TF) != 0) {
            debugging.stepHere();
        }
        segmentation.setFlat(returnCode(wide), returnStack(), 3, wide);
        mmu.rightsChanged();
        cpu.unblocked();
        return wide ? target : target & MASK_32;
    }

    long systemEnter() {
        if (cpu.codeSize() == 8) {
            throw cpu.ud();
        }
        int code = (int) cpu.sysenterCs & 0xfffc;
        if ((cpu.cr0 & Control.CR0_PE) == 0 || code == 0) {
            throw cpu.gp(0);
        }
        long flags = cpu.rflags() & ~(long) (Rflags.IF | Rflags.VM | Rflags.RF);
        boolean wide = cpu.longMode();
        enter(code, flags);
        cpu.gpr(Cpu.RSP, wide ? cpu.sysenterEsp : cpu.sysenterEsp & MASK_32);
        return wide ? cpu.sysenterEip : cpu.sysenterEip & MASK_32;
    }

    long systemExit() {
        if (cpu.longMode()) {
            throw cpu.ud();
        }
        int base = (int) cpu.sysenterCs & 0xfffc;
        if (!cpu.protectedMode() || base == 0 || cpu.cpl != 0) {
            throw cpu.gp(0);
        }
        cpu.gpr(Cpu.RSP, cpu.gpr(Cpu.RCX) & MASK_32);
        segmentation.setFlat(base + 16 & 0xffff | RPL, base + 24 & 0xffff | RPL, 3, false);
        return cpu.gpr(Cpu.RDX) & MASK_32;
    }
}
