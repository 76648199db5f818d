package jcrosvm.hypervisor.x86;

import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Turns what a hypervisor supports into what one vCPU answers: topology, APIC id, hypervisor bit (SDM volume 2A, CPUID;
 * APM volume 3, appendix E).
 */
public final class GuestCpuid {
    private static final int LEAF_1_ECX_VMX = 1 << 5;
    private static final int LEAF_1_ECX_X2APIC = 1 << 21;
    private static final int LEAF_1_ECX_TSC_DEADLINE = 1 << 24;
    private static final int LEAF_1_ECX_HYPERVISOR = 1 << 31;
    private static final int LEAF_1_EDX_HTT = 1 << 28;
    private static final int CLFLUSH_8_QUADWORDS = 8 << 8;
    private static final int EXTENDED_1_ECX_CMP_LEGACY = 1 << 1;
    private static final int EXTENDED_1_ECX_SVM = 1 << 2;
    private static final int LEVEL_SMT = 1;
    private static final int LEVEL_CORE = 2;

    private GuestCpuid() {}

    /**
     * @param supported the hypervisor's table
     * @param tscDeadline whether its local APIC timer has the deadline mode
     * @param nested whether VMX and SVM may show
     */
    public static CpuidTable forVcpu(
            CpuidTable supported, CpuTopology topology, int apicId, boolean tscDeadline, boolean nested) {
        CpuidTable table = supported
                .with(1, leaf -> features(leaf, topology, apicId, tscDeadline, nested))
                .with(4, cacheSharing(topology, true))
                .with(0x8000_001d, cacheSharing(topology, false))
                .with(0x8000_0001, leaf -> extendedFeatures(leaf, topology, nested))
                .with(
                        0x8000_0008,
                        leaf -> leaf.withEcx(topology.packageBits() << 12 | (topology.vcpusPerPackage() - 1)))
                .with(
                        0x8000_001e,
                        leaf -> leaf.withEax(apicId)
                                .withEbx((topology.threadsPerCore() - 1) << 8 | apicId >> topology.threadBits())
                                .withEcx(0));
        if (!nested) {
            table = table.replacing(0x8000_000a, List.of()); // SVM details
        }
        int maxBasic = supported.find(0, 0).map(CpuidLeaf::eax).orElse(0);
        if (maxBasic >= 0xb) {
            table = table.replacing(0xb, extendedTopology(0xb, topology, apicId));
        }
        if (maxBasic >= 0x1f) {
            table = table.replacing(0x1f, extendedTopology(0x1f, topology, apicId));
        }
        return table;
    }

    /** Whether guests can have VMX or SVM. */
    public static boolean offersNesting(CpuidTable supported) {
        boolean vmx = supported
                .find(1, 0)
                .map(leaf -> (leaf.ecx() & LEAF_1_ECX_VMX) != 0)
                .orElse(false);
        boolean svm = supported
                .find(0x8000_0001, 0)
                .map(leaf -> (leaf.ecx() & EXTENDED_1_ECX_SVM) != 0)
                .orElse(false);
        return vmx || svm;
    }

    private static CpuidLeaf features(
            CpuidLeaf leaf, CpuTopology topology, int apicId, boolean tscDeadline, boolean nested) {
        int ecx = leaf.ecx() | LEAF_1_ECX_HYPERVISOR | LEAF_1_ECX_X2APIC;
        ecx = tscDeadline ? ecx | LEAF_1_ECX_TSC_DEADLINE : ecx & ~LEAF_1_ECX_TSC_DEADLINE;
        int edx = topology.vcpusPerPackage() > 1 ? leaf.edx() | LEAF_1_EDX_HTT : leaf.edx() & ~LEAF_1_EDX_HTT;
        return leaf.withEbx(apicId << 24 | topology.vcpusPerPackage() << 16 | CLFLUSH_8_QUADWORDS)
                .withEcx(nested ? ecx : ecx & ~LEAF_1_ECX_VMX)
                .withEdx(edx);
    }

    private static CpuidLeaf extendedFeatures(CpuidLeaf leaf, CpuTopology topology, boolean nested) {
        int ecx = leaf.ecx() & ~EXTENDED_1_ECX_CMP_LEGACY;
        if (topology.vcpusPerPackage() > 1 && topology.threadsPerCore() == 1) {
            ecx |= EXTENDED_1_ECX_CMP_LEGACY;
        }
        return leaf.withEcx(nested ? ecx : ecx & ~EXTENDED_1_ECX_SVM);
    }

    /** First- and second-level caches belong to a core, later ones to the package. Intel and AMD share the fields. */
    private static UnaryOperator<CpuidLeaf> cacheSharing(CpuTopology topology, boolean intel) {
        return leaf -> {
            int eax = leaf.eax();
            if ((eax & 0x1f) == 0) {
                return leaf; // the end of the list
            }
            int level = eax >> 5 & 7;
            int sharing = level < 3 ? topology.threadsPerCore() : topology.vcpusPerPackage();
            eax = (eax & ~(0xfff << 14)) | (sharing - 1) << 14;
            if (intel) {
                eax = (eax & ~(0x3f << 26)) | (topology.coresPerPackage() - 1) << 26;
            }
            return leaf.withEax(eax);
        };
    }

    private static List<CpuidLeaf> extendedTopology(int leaf, CpuTopology topology, int apicId) {
        return List.of(
                new CpuidLeaf(leaf, 0, true, topology.threadBits(), topology.threadsPerCore(), LEVEL_SMT << 8, apicId),
                new CpuidLeaf(
                        leaf, 1, true, topology.packageBits(), topology.vcpusPerPackage(), LEVEL_CORE << 8 | 1, apicId),
                new CpuidLeaf(leaf, 2, true, 0, 0, 2, apicId));
    }
}
