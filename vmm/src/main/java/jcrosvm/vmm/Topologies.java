package jcrosvm.vmm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.CpuSet;
import jcrosvm.hypervisor.x86.CpuTopology;
import jcrosvm.vmm.config.CpuConfig;
import jcrosvm.vmm.config.HostCpus;

/** The processors' arrangement that a configuration asks for, in the guest and on the host. */
final class Topologies {
    private static final Path SIBLINGS = Path.of("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list");

    private Topologies() {}

    static CpuTopology of(CpuConfig cpus) {
        int perPackage = cpus.clusters().isEmpty()
                ? cpus.count()
                : cpus.clusters().getFirst().size();
        int threads = cpus.smt() && perPackage % 2 == 0 ? 2 : 1;
        if (cpus.hostTopology() && hostThreadsPerCore() == 1) {
            threads = 1;
        }
        return new CpuTopology(cpus.count(), perPackage, threads);
    }

    private static int hostThreadsPerCore() {
        try {
            return CpuSet.parse(Files.readString(SIBLINGS).strip(), 0).size();
        } catch (IOException e) {
            throw new VmmException("--host-cpu-topology: cannot read " + SIBLINGS, e);
        }
    }

    /** Host CPUs that a vCPU's thread is pinned to; empty for none. */
    static List<Integer> hostCpus(CpuConfig cpus, int vcpu) {
        if (cpus.hostTopology()) {
            return List.of(HostCpus.online().cpus().get(vcpu));
        }
        CpuSet set = cpus.affinity().hostCpus(vcpu);
        return set == null ? List.of() : set.cpus();
    }
}
