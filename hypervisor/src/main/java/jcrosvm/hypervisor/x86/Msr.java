package jcrosvm.hypervisor.x86;

/** A model-specific register and its value. */
public record Msr(int index, long value) {
    public static final int IA32_TSC = 0x10;
    public static final int IA32_APIC_BASE = 0x1b;
    public static final int MTRR_CAP = 0xfe;
    public static final int SYSENTER_CS = 0x174;
    public static final int SYSENTER_ESP = 0x175;
    public static final int SYSENTER_EIP = 0x176;
    public static final int MISC_ENABLE = 0x1a0;
    public static final int MTRR_PHYS_BASE0 = 0x200;
    public static final int PAT = 0x277;
    public static final int MTRR_DEF_TYPE = 0x2ff;
    public static final int TSC_DEADLINE = 0x6e0;
    public static final int EFER = 0xc0000080;
    public static final int STAR = 0xc0000081;
    public static final int LSTAR = 0xc0000082;
    public static final int CSTAR = 0xc0000083;
    public static final int FMASK = 0xc0000084;
    public static final int FS_BASE = 0xc0000100;
    public static final int GS_BASE = 0xc0000101;
    public static final int KERNEL_GS_BASE = 0xc0000102;
    public static final int TSC_AUX = 0xc0000103;
}
