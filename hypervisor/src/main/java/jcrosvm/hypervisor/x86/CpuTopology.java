package jcrosvm.hypervisor.x86;

/**
 * Equal packages of equal cores. An APIC id is, from the top, package, core and thread, each in whole bits.
 *
 * @param vcpus logical processors, at least 1
 * @param vcpusPerPackage a divisor of {@code vcpus}
 * @param threadsPerCore 1 or 2, a divisor of {@code vcpusPerPackage}
 */
public record CpuTopology(int vcpus, int vcpusPerPackage, int threadsPerCore) {
    public CpuTopology {
        if (vcpus < 1
                || vcpusPerPackage < 1
                || vcpus % vcpusPerPackage != 0
                || threadsPerCore < 1
                || threadsPerCore > 2
                || vcpusPerPackage % threadsPerCore != 0) {
            throw new IllegalArgumentException(
                    vcpus + " vCPUs, " + vcpusPerPackage + " per package, " + threadsPerCore + " threads per core");
        }
    }

    /** One package. As crosvm: pairs of threads when the count is even, unless {@code smt} is off. */
    public static CpuTopology of(int vcpus, boolean smt) {
        return new CpuTopology(vcpus, vcpus, smt && vcpus % 2 == 0 ? 2 : 1);
    }

    public int coresPerPackage() {
        return vcpusPerPackage / threadsPerCore;
    }

    /** Bits of an APIC id that number the thread within its core. */
    public int threadBits() {
        return bits(threadsPerCore);
    }

    /** Bits of an APIC id that number the thread within its package. */
    public int packageBits() {
        return threadBits() + bits(coresPerPackage());
    }

    /** Of the vCPU with this number, counted from 0. */
    public int apicId(int vcpu) {
        int inPackage = vcpu % vcpusPerPackage;
        return ((vcpu / vcpusPerPackage) << packageBits()) + inPackage;
    }

    private static int bits(int count) {
        return 32 - Integer.numberOfLeadingZeros(count - 1);
    }
}
