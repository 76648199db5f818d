package jcrosvm.hypervisor.x86;

/**
 * One package of equal cores. APIC ids count threads first, so vCPU n has APIC id n.
 *
 * @param vcpus logical processors, at least 1
 * @param threadsPerCore 1 or 2; 2 needs an even number of vCPUs
 */
public record CpuTopology(int vcpus, int threadsPerCore) {
    public CpuTopology {
        if (vcpus < 1 || threadsPerCore < 1 || threadsPerCore > 2 || vcpus % threadsPerCore != 0) {
            throw new IllegalArgumentException(vcpus + " vCPUs, " + threadsPerCore + " threads per core");
        }
    }

    /** As crosvm: pairs of threads when the count is even, unless {@code smt} is off. */
    public static CpuTopology of(int vcpus, boolean smt) {
        return new CpuTopology(vcpus, smt && vcpus % 2 == 0 ? 2 : 1);
    }

    public int cores() {
        return vcpus / threadsPerCore;
    }

    /** Bits of an APIC id that number the thread within its core. */
    public int threadBits() {
        return bits(threadsPerCore);
    }

    /** Bits of an APIC id that number the thread within the package. */
    public int packageBits() {
        return threadBits() + bits(cores());
    }

    private static int bits(int count) {
        return 32 - Integer.numberOfLeadingZeros(count - 1);
    }
}
