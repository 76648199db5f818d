package jcrosvm.hypervisor.x86;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Packages of cores. An APIC id is, from the top, package, core and thread, each in whole bits; packages that are smaller
 * than the largest leave ids out.
 *
 * @param packages numbers of the vCPUs in each, every vCPU from 0 on in one of them; vCPU 0, which boots and has APIC id
 *     0, is the first of the first
 * @param threadsPerCore 1 or 2, a divisor of each package's size
 */
public record CpuTopology(List<List<Integer>> packages, int threadsPerCore) {
    public CpuTopology {
        packages = packages.stream().map(List::copyOf).toList();
        int vcpus = packages.stream().mapToInt(List::size).sum();
        boolean isComplete = IntStream.range(0, vcpus)
                .boxed()
                .toList()
                .equals(packages.stream().flatMap(List::stream).sorted().toList());
        int threads = threadsPerCore;
        if (vcpus < 1
                || !isComplete
                || threads < 1
                || threads > 2
                || packages.stream().anyMatch(one -> one.isEmpty() || one.size() % threads != 0)
                || packages.getFirst().getFirst() != 0) {
            throw new IllegalArgumentException("packages " + packages + ", " + threads + " threads per core");
        }
    }

    /** One package. As crosvm: pairs of threads when the count is even, unless {@code smt} is off. */
    public static CpuTopology of(int vcpus, boolean smt) {
        List<Integer> all = IntStream.range(0, vcpus).boxed().toList();
        return new CpuTopology(List.of(all), smt && vcpus % 2 == 0 ? 2 : 1);
    }

    /** vCPUs of the largest package. */
    public int vcpusPerPackage() {
        return packages.stream().mapToInt(List::size).max().orElseThrow();
    }

    public int coresPerPackage() {
        return vcpusPerPackage() / threadsPerCore;
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
        for (int number = 0; number < packages.size(); number++) {
            int inPackage = packages.get(number).indexOf(vcpu);
            if (inPackage >= 0) {
                return (number << packageBits()) + inPackage;
            }
        }
        throw new IllegalArgumentException("vCPU " + vcpu);
    }

    private static int bits(int count) {
        return 32 - Integer.numberOfLeadingZeros(count - 1);
    }
}
