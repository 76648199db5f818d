package jcrosvm.hypervisor.soft;

import java.util.Arrays;

/** Registers without effect that kernels and firmware expect: some keep what is written, some are constant. */
final class KeptMsrs {
    private record Kind(int index, long initial, boolean writable) {}

    private static final Kind[] KINDS = {
        new Kind(0x17, 0, false), // PLATFORM_ID
        new Kind(0x2a, 0, true), // EBL_CR_POWERON
        new Kind(0x34, 0, false), // SMI_COUNT
        new Kind(0x79, 0, false), // BIOS_UPDT_TRIG
        new Kind(0x8b, 0x0a00_11d5, false), // PATCH_LEVEL: the revision of the microcode
        new Kind(0xce, 0, false), // PLATFORM_INFO
        new Kind(0x140, 0, true), // MISC_FEATURES_ENABLES
        new Kind(0x179, 1 << 8, false), // MCG_CAP: no banks
        new Kind(0x17a, 0, true), // MCG_STATUS
        new Kind(0x17b, 0, true), // MCG_CTL
        new Kind(0x1a0, 1, true), // MISC_ENABLE: fast strings
        new Kind(0x1d9, 0, true), // DEBUGCTL
        new Kind(0x1db, 0, false), // LASTBRANCHFROMIP
        new Kind(0x1dc, 0, false), // LASTBRANCHTOIP
        new Kind(0x1dd, 0, false), // LASTINTFROMIP
        new Kind(0x1de, 0, false), // LASTINTTOIP
        new Kind(0xc001_0000, 0, false), // EVNTSEL: a kernel reads back other than it wrote, and does without
        new Kind(0xc001_0001, 0, false),
        new Kind(0xc001_0002, 0, false),
        new Kind(0xc001_0003, 0, false),
        new Kind(0xc001_0004, 0, false), // PERFCTR
        new Kind(0xc001_0005, 0, false),
        new Kind(0xc001_0006, 0, false),
        new Kind(0xc001_0007, 0, false),
        new Kind(0xc001_0010, 0, true), // SYSCFG
        new Kind(0xc001_0015, 1 << 24, true), // HWCR: the TSC has the frequency of P0
        new Kind(0xc001_0016, 0, true), // IORR
        new Kind(0xc001_0017, 0, true),
        new Kind(0xc001_0018, 0, true),
        new Kind(0xc001_0019, 0, true),
        new Kind(0xc001_001a, 0, true), // TOP_MEM
        new Kind(0xc001_001d, 0, true), // TOP_MEM2
        new Kind(0xc001_001f, 0, true), // NB_CFG
        new Kind(0xc001_0055, 0, true), // INT_PENDING
        new Kind(0xc001_0058, 0, true), // MMIO_CONF_BASE
        new Kind(0xc001_0111, 0, true), // SMBASE
        new Kind(0xc001_0112, 0, true), // SMM_ADDR
        new Kind(0xc001_0113, 0, true), // SMM_MASK
        new Kind(0xc001_0114, 1 << 4, true), // VM_CR: no SVM
        new Kind(0xc001_0117, 0, true), // VM_HSAVE_PA
        new Kind(0xc001_0140, 0, true), // OSVW_ID_LENGTH
        new Kind(0xc001_0141, 0, true), // OSVW_STATUS
        new Kind(0xc001_1020, 0, true), // LS_CFG
        new Kind(0xc001_1021, 0, true), // IC_CFG
        new Kind(0xc001_1022, 0, true), // DC_CFG
        new Kind(0xc001_1023, 0, true), // BU_CFG
        new Kind(0xc001_1029, 1 << 1, true), // DE_CFG: LFENCE waits
        new Kind(0xc001_102a, 0, true), // BU_CFG2
    };

    /** Those that keep what is written, for saving them. */
    static final int[] INDICES =
            Arrays.stream(KINDS).filter(Kind::writable).mapToInt(Kind::index).toArray();

    private final long[] values = Arrays.stream(KINDS).mapToLong(Kind::initial).toArray();

    /** -1 when there is none. */
    private static int find(int index) {
        for (int n = 0; n < KINDS.length; n++) {
            if (KINDS[n].index == index) {
                return n;
            }
        }
        return -1;
    }

    static boolean has(int index) {
        return find(index) >= 0;
    }

    /** One that there is. */
    long read(int index) {
        return values[find(index)];
    }

    /** One that there is; constants stay what they are without a fault. */
    void write(int index, long value) {
        int n = find(index);
        if (KINDS[n].writable) {
            values[n] = value;
        }
    }
}
