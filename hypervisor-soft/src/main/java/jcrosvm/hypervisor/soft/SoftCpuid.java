package jcrosvm.hypervisor.soft;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.hypervisor.soft.mmu.PhysicalMemory;
import jcrosvm.hypervisor.x86.CpuidLeaf;
import jcrosvm.hypervisor.x86.CpuidTable;

/**
 * What the processor says that it is (APM volume 3, appendix E): one of AMD's family 19h, with no feature that it does
 * not have and none of the errata that kernels work around.
 */
final class SoftCpuid {
    /** Family 19h, model 1, stepping 1. */
    static final int SIGNATURE = 0x00a0_0f11;

    /** Width of physical addresses; of linear ones it is 48. */
    static final int PHYSICAL_BITS = PhysicalMemory.ADDRESS_BITS;

    static final int LEAF_1_ECX_OSXSAVE = 1 << 27;
    static final int LEAF_1_EDX_APIC = 1 << 9;

    private static final int LINEAR_BITS = 48;
    private static final int LAST_BASIC = 0xd;
    private static final int FIRST_EXTENDED = 0x8000_0000;
    private static final int LAST_EXTENDED = 0x8000_0021;
    private static final int FIRST_KVM = 0x4000_0000;
    private static final String VENDOR = "AuthenticAMD";
    private static final String BRAND = "jcrosvm software CPU";
    private static final String KVM = "KVMKVMKVM";

    /** Legacy region and header: all that x87 and SSE need. */
    private static final int XSAVE_SIZE = 576;

    private SoftCpuid() {}

    static CpuidTable table() {
        List<CpuidLeaf> leaves = new ArrayList<>();
        leaves.add(leaf(0, LAST_BASIC, word(VENDOR, 0), word(VENDOR, 8), word(VENDOR, 4)));
        leaves.add(leaf(1, SIGNATURE, 0, features1c(), features1d()));
        // 6: the APIC's timer never stops
        leaves.add(leaf(6, 1 << 2, 0, 0, 0));
        leaves.add(indexed(7, 0, 0, features7b(), 0, 1 << 14)); // SERIALIZE
        leaves.add(indexed(0xb, 0, 0, 0, 0, 0));
        leaves.add(indexed(0xd, 0, 3, XSAVE_SIZE, XSAVE_SIZE, 0));
        leaves.add(indexed(0xd, 1, 1, 0, 0, 0)); // XSAVEOPT
        leaves.add(leaf(FIRST_KVM, FIRST_KVM + 1, word(KVM, 0), word(KVM, 4), word(KVM, 8)));
        // clock, no I/O delay, clock at the new registers; it is stable
        leaves.add(leaf(FIRST_KVM + 1, bits(0, 1, 3, 24), 0, 0, 0));
        leaves.add(leaf(FIRST_EXTENDED, LAST_EXTENDED, word(VENDOR, 0), word(VENDOR, 8), word(VENDOR, 4)));
        leaves.add(leaf(FIRST_EXTENDED + 1, SIGNATURE, 0, extended1c(), extended1d()));
        for (int n = 0; n < 3; n++) {
            int at = n * 16;
            leaves.add(leaf(
                    FIRST_EXTENDED + 2 + n,
                    word(BRAND, at),
                    word(BRAND, at + 4),
                    word(BRAND, at + 8),
                    word(BRAND, at + 12)));
        }
        // 32 KiB 8-way L1, 512 KiB 8-way L2, 16 MiB 16-way L3, lines of 64 bytes; TLBs of 64 and 1024 entries
        leaves.add(leaf(
                FIRST_EXTENDED + 5,
                0xff40_ff40,
                0xff40_ff40,
                32 << 24 | 8 << 16 | 1 << 8 | 64,
                32 << 24 | 8 << 16 | 1 << 8 | 64));
        leaves.add(leaf(
                FIRST_EXTENDED + 6,
                0,
                0x6400_6400,
                512 << 16 | 6 << 12 | 1 << 8 | 64,
                32 << 18 | 8 << 12 | 1 << 8 | 64));
        leaves.add(leaf(FIRST_EXTENDED + 7, 0, 0, 0, 1 << 8)); // the TSC runs at one rate
        // XRSTOR restores error pointers; neither speculative store bypass nor branch type confusion
        leaves.add(leaf(FIRST_EXTENDED + 8, LINEAR_BITS << 8 | PHYSICAL_BITS, bits(2, 26, 29), 0, 0));
        caches(leaves);
        leaves.add(leaf(FIRST_EXTENDED + 0x1e, 0, 0, 0, 0));
        // no nested data breakpoints, LFENCE waits, null selectors clear the base, automatic IBRS, no return overflow
        leaves.add(leaf(FIRST_EXTENDED + 0x21, bits(0, 2, 6, 8, 29), 0, bits(1, 2), 0));
        return new CpuidTable(leaves);
    }

    // SSE3 PCLMULQDQ SSSE3 CMPXCHG16B PCID SSE4.1 SSE4.2 x2APIC MOVBE POPCNT TSC-deadline AES XSAVE RDRAND
    private static int features1c() {
        return bits(0, 1, 9, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 30);
    }

    // FPU DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2
    private static int features1d() {
        return bits(0, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 19, 23, 24, 25, 26);
    }

    // FSGSBASE TSC_ADJUST BMI1 SMEP BMI2 ERMS INVPCID ADX SMAP
    private static int features7b() {
        return bits(0, 1, 3, 7, 8, 9, 10, 19, 20);
    }

    // LAHF ABM PREFETCHW TOPOEXT
    private static int extended1c() {
        return bits(0, 5, 8, 22);
    }

    // As leaf 1, with SYSCALL for SEP and without SSE; NX MMXEXT 1G-pages RDTSCP LM
    private static int extended1d() {
        int shared = features1d() & ~bits(11, 19, 25, 26);
        return shared | bits(11, 20, 22, 26, 27, 29);
    }

    private static void caches(List<CpuidLeaf> leaves) {
        cache(leaves, 0, 1, 1, 8, 64, 0);
        cache(leaves, 1, 2, 1, 8, 64, 0);
        cache(leaves, 2, 3, 2, 8, 1024, 2);
        cache(leaves, 3, 3, 3, 16, 16384, 1);
        leaves.add(indexed(FIRST_EXTENDED + 0x1d, 4, 0, 0, 0, 0));
    }

    /** @param type 1 data, 2 instructions, 3 both */
    private static void cache(List<CpuidLeaf> leaves, int index, int type, int level, int ways, int sets, int edx) {
        int eax = 1 << 8 | level << 5 | type;
        leaves.add(indexed(FIRST_EXTENDED + 0x1d, index, eax, (ways - 1) << 22 | 63, sets - 1, edx));
    }

    private static CpuidLeaf leaf(int leaf, int eax, int ebx, int ecx, int edx) {
        return new CpuidLeaf(leaf, 0, false, eax, ebx, ecx, edx);
    }

    private static CpuidLeaf indexed(int leaf, int subleaf, int eax, int ebx, int ecx, int edx) {
        return new CpuidLeaf(leaf, subleaf, true, eax, ebx, ecx, edx);
    }

    private static int bits(int... numbers) {
        int value = 0;
        for (int number : numbers) {
            value |= 1 << number;
        }
        return value;
    }

    /** Four characters, zero behind the end. */
    private static int word(String text, int at) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        int value = 0;
        for (int i = 0; i < Integer.BYTES && at + i < bytes.length; i++) {
            value |= bytes[at + i] << (8 * i);
        }
        return value;
    }
}
