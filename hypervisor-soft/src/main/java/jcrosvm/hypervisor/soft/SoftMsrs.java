package jcrosvm.hypervisor.soft;

import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.apic.TimeStampCounter;
import jcrosvm.hypervisor.soft.apic.X2ApicMsrs;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.interp.Msrs;
import jcrosvm.hypervisor.x86.CpuidLeaf;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.Msr;
import org.jspecify.annotations.Nullable;

/** The model-specific registers and CPUID of one processor. */
final class SoftMsrs implements Msrs {
    static final int TSC_ADJUST = 0x3b;
    private static final long EFER_AUTOMATIC_IBRS = 1 << 21;
    private static final long EFER_WRITABLE =
            Control.EFER_SCE | Control.EFER_LME | Control.EFER_NXE | EFER_AUTOMATIC_IBRS;
    private static final long PAT_RESET = 0x0007_0406_0007_0406L;

    /** What {@link #read} and {@link #write} know and a snapshot carries, in the order to restore it. */
    static final int[] SAVED = {
        Msr.IA32_TSC,
        TSC_ADJUST,
        Msr.PAT,
        Msr.SYSENTER_CS,
        Msr.SYSENTER_ESP,
        Msr.SYSENTER_EIP,
        Msr.STAR,
        Msr.LSTAR,
        Msr.CSTAR,
        Msr.FMASK,
        Msr.KERNEL_GS_BASE,
        Msr.TSC_AUX,
        ParavirtualClock.WALL_CLOCK,
        ParavirtualClock.SYSTEM_TIME,
    };

    private final Cpu cpu;
    private final LocalApic apic;
    private final TimeStampCounter tsc;
    private final ParavirtualClock clock;
    private final Runnable pagingChanged;
    private final Mtrrs mtrrs = new Mtrrs();
    private final KeptMsrs kept = new KeptMsrs();
    private CpuidLeaf[] leaves = {};
    private long pat = PAT_RESET;
    private long tscAdjust;

    /** @param pagingChanged told when EFER has changed */
    SoftMsrs(Cpu cpu, LocalApic apic, TimeStampCounter tsc, ParavirtualClock clock, Runnable pagingChanged) {
        this.cpu = cpu;
        this.apic = apic;
        this.tsc = tsc;
        this.clock = clock;
        this.pagingChanged = pagingChanged;
        cpuid(SoftCpuid.table());
    }

    void cpuid(CpuidTable table) {
        leaves = table.leaves().toArray(CpuidLeaf[]::new);
    }

    ParavirtualClock clock() {
        return clock;
    }

    @Override
    public long read(int index) {
        return switch (index) {
            case Msr.IA32_TSC -> tsc.read();
            case Msr.IA32_APIC_BASE -> apic.base();
            case TSC_ADJUST -> tscAdjust;
            case Msr.SYSENTER_CS -> cpu.sysenterCs;
            case Msr.SYSENTER_ESP -> cpu.sysenterEsp;
            case Msr.SYSENTER_EIP -> cpu.sysenterEip;
            case Msr.PAT -> pat;
            case Msr.TSC_DEADLINE -> apic.tscDeadline();
            case Msr.EFER -> cpu.efer;
            case Msr.STAR -> cpu.star;
            case Msr.LSTAR -> cpu.lstar;
            case Msr.CSTAR -> cpu.cstar;
            case Msr.FMASK -> cpu.sfmask;
            case Msr.FS_BASE -> cpu.segmentBase(Cpu.FS);
            case Msr.GS_BASE -> cpu.segmentBase(Cpu.GS);
            case Msr.KERNEL_GS_BASE -> cpu.kernelGsBase;
            case Msr.TSC_AUX -> cpu.tscAux;
            case ParavirtualClock.SYSTEM_TIME, ParavirtualClock.SYSTEM_TIME_OLD -> clock.systemTime();
            case ParavirtualClock.WALL_CLOCK, ParavirtualClock.WALL_CLOCK_OLD -> clock.wallClock();
            default -> readOther(index);
        };
    }

    private long readOther(int index) {
        if (index >= X2ApicMsrs.FIRST && index <= X2ApicMsrs.LAST) {
            if (X2ApicMsrs.isReadable(apic, index)) {
                return X2ApicMsrs.read(apic, index);
            }
        } else if (Mtrrs.has(index)) {
            return mtrrs.read(index);
        } else if (KeptMsrs.has(index)) {
            return kept.read(index);
        }
        throw cpu.gp(0);
    }

    @Override
    public void write(int index, long value) {
        switch (index) {
            case Msr.IA32_TSC -> moveTsc(value - tsc.read());
            case TSC_ADJUST -> moveTsc(value - tscAdjust);
            case Msr.IA32_APIC_BASE -> {
                require(apic.isValidBase(value, SoftCpuid.PHYSICAL_BITS));
                apic.base(value);
            }
            case Msr.SYSENTER_CS -> cpu.sysenterCs = value & 0xffff_ffffL;
            case Msr.SYSENTER_ESP -> cpu.sysenterEsp = canonical(value);
            case Msr.SYSENTER_EIP -> cpu.sysenterEip = canonical(value);
            case Msr.PAT -> {
                require(isPat(value));
                pat = value;
            }
            case Msr.TSC_DEADLINE -> apic.tscDeadline(value);
            case Msr.EFER -> efer(value);
            case Msr.STAR -> cpu.star = value;
            case Msr.LSTAR -> cpu.lstar = canonical(value);
            case Msr.CSTAR -> cpu.cstar = canonical(value);
            case Msr.FMASK -> cpu.sfmask = value & 0xffff_ffffL;
            case Msr.FS_BASE -> cpu.segmentBase(Cpu.FS, canonical(value));
            case Msr.GS_BASE -> cpu.segmentBase(Cpu.GS, canonical(value));
            case Msr.KERNEL_GS_BASE -> cpu.kernelGsBase = canonical(value);
            case Msr.TSC_AUX -> {
                require(value >>> 32 == 0);
                cpu.tscAux = value;
            }
            case ParavirtualClock.SYSTEM_TIME, ParavirtualClock.SYSTEM_TIME_OLD -> clock.systemTime(value);
            case ParavirtualClock.WALL_CLOCK, ParavirtualClock.WALL_CLOCK_OLD -> clock.wallClock(value);
            default -> writeOther(index, value);
        }
    }

    /** From outside the guest: the counter and its adjustment are apart, and the APIC goes to any mode. */
    void restore(int index, long value) {
        switch (index) {
            case Msr.IA32_TSC -> {
                tsc.offset(tsc.offset() + value - tsc.read());
                apic.tscChanged();
                clock.tscChanged();
            }
            case TSC_ADJUST -> tscAdjust = value;
            case Msr.IA32_APIC_BASE -> apic.base(value);
            case Msr.EFER -> cpu.efer = value;
            default -> write(index, value);
        }
    }

    private void writeOther(int index, long value) {
        if (index >= X2ApicMsrs.FIRST && index <= X2ApicMsrs.LAST) {
            require(X2ApicMsrs.write(apic, index, value));
        } else if (KeptMsrs.has(index)) {
            kept.write(index, value);
        } else {
            require(mtrrs.write(index, value));
        }
    }

    private void require(boolean condition) {
        if (!condition) {
            throw cpu.gp(0);
        }
    }

    private long canonical(long address) {
        require(address << 16 >> 16 == address);
        return address;
    }

    private void moveTsc(long ticks) {
        tsc.offset(tsc.offset() + ticks);
        tscAdjust += ticks;
        apic.tscChanged();
        clock.tscChanged();
    }

    private void efer(long value) {
        boolean modeChanges = ((value ^ cpu.efer) & Control.EFER_LME) != 0;
        require((value & ~(EFER_WRITABLE | Control.EFER_LMA)) == 0);
        require(!modeChanges || (cpu.cr0 & Control.CR0_PG) == 0);
        cpu.efer = (value & EFER_WRITABLE) | (cpu.efer & Control.EFER_LMA);
        cpu.modeChanged();
        pagingChanged.run();
    }

    private static boolean isPat(long value) {
        for (int shift = 0; shift < Long.SIZE; shift += 8) {
            long type = (value >>> shift) & 0xff;
            if (type > 7 || type == 2 || type == 3) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void cpuid(int leaf, int subleaf, int[] answer) {
        CpuidLeaf found = find(leaf, subleaf);
        if (found == null) {
            java.util.Arrays.fill(answer, 0, 4, 0);
            return;
        }
        answer[0] = found.eax();
        answer[1] = found.ebx();
        answer[2] = found.ecx();
        answer[3] = found.edx();
        if (leaf == 1) {
            boolean osXsave = (cpu.cr4 & Control.CR4_OSXSAVE) != 0;
            answer[2] = (answer[2] & ~SoftCpuid.LEAF_1_ECX_OSXSAVE) | (osXsave ? SoftCpuid.LEAF_1_ECX_OSXSAVE : 0);
        }
        if ((leaf == 1 || leaf == 0x8000_0001) && !apic.isEnabled()) {
            answer[3] &= ~SoftCpuid.LEAF_1_EDX_APIC;
        }
    }

    private @Nullable CpuidLeaf find(int leaf, int subleaf) {
        for (CpuidLeaf candidate : leaves) {
            if (candidate.leaf() == leaf && (!candidate.indexed() || candidate.subleaf() == subleaf)) {
                return candidate;
            }
        }
        return null;
    }

    @Override
    public long timeStampOffset() {
        return tsc.fromHost();
    }

    @Override
    public long timeStampCounter() {
        return tsc.read();
    }
}
