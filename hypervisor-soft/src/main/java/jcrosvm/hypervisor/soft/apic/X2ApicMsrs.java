package jcrosvm.hypervisor.soft.apic;

/** The registers of an APIC in x2APIC mode as MSRs 0x800 to 0x83f (SDM volume 3, table 11-6). */
public final class X2ApicMsrs {
    public static final int FIRST = 0x800;
    public static final int LAST = 0x8ff;

    private X2ApicMsrs() {}

    private static int offset(int index) {
        return (index - FIRST) << 4;
    }

    /** Whether RDMSR finds it; otherwise #GP. */
    public static boolean isReadable(LocalApic apic, int index) {
        if (!apic.isX2Apic()) {
            return false;
        }
        int offset = offset(index);
        return switch (offset) {
            case ApicRegister.ID,
                    ApicRegister.VERSION,
                    ApicRegister.TPR,
                    ApicRegister.PPR,
                    ApicRegister.LDR,
                    ApicRegister.SVR,
                    ApicRegister.ESR,
                    ApicRegister.ICR,
                    ApicRegister.INITIAL_COUNT,
                    ApicRegister.CURRENT_COUNT,
                    ApicRegister.DIVIDE -> true;
            default -> (offset >= ApicRegister.ISR && offset < ApicRegister.ESR) || ApicRegister.isLvt(offset);
        };
    }

    /** One that is readable. */
    public static long read(LocalApic apic, int index) {
        int offset = offset(index);
        return offset == ApicRegister.ICR ? apic.command() : Integer.toUnsignedLong(apic.read(offset));
    }

    /** @return false for #GP: not writable, or a reserved bit is set */
    public static boolean write(LocalApic apic, int index, long value) {
        if (!apic.isX2Apic()) {
            return false;
        }
        int offset = offset(index);
        if (offset == ApicRegister.ICR) {
            apic.command(value);
            return true;
        }
        if ((value & ~writable(offset)) != 0) {
            return false;
        }
        switch (offset) {
            case ApicRegister.SELF_IPI -> apic.sendToSelf((int) value);
            case ApicRegister.TPR,
                    ApicRegister.EOI,
                    ApicRegister.SVR,
                    ApicRegister.ESR,
                    ApicRegister.INITIAL_COUNT,
                    ApicRegister.DIVIDE -> apic.write(offset, (int) value);
            default -> {
                if (!ApicRegister.isLvt(offset)) {
                    return false;
                }
                apic.write(offset, (int) value);
            }
        }
        return true;
    }

    // EOI and ESR take 0 only; status bits that software may write back are let through.
    private static long writable(int offset) {
        return switch (offset) {
            case ApicRegister.TPR, ApicRegister.SELF_IPI -> 0xff;
            case ApicRegister.EOI, ApicRegister.ESR -> 0;
            case ApicRegister.DIVIDE -> 0xb;
            case ApicRegister.SVR -> 0x13ff;
            case ApicRegister.LVT_TIMER -> 0x7_10ff;
            case ApicRegister.LVT_ERROR -> 0x1_10ff;
            case ApicRegister.LVT_LINT0, ApicRegister.LVT_LINT1 -> 0x1_f7ff;
            default -> 0xffff_ffffL;
        };
    }
}
