package jcrosvm.vmm.x86;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import jcrosvm.base.VmmException;
import jcrosvm.config.CpuSet;
import jcrosvm.hypervisor.x86.CpuTopology;
import jcrosvm.vmm.config.CpuConfig;

/** The processors' arrangement that a configuration asks for. */
final class Topologies {
    private static final Path SIBLINGS = Path.of("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list");

    private Topologies() {}

    static CpuTopology of(CpuConfig cpus) {
        List<List<Integer>> packages = packages(cpus);
        boolean paired = packages.stream().allMatch(one -> one.size() % 2 == 0);
        boolean threads = cpus.smt() && paired && !(cpus.hostTopology() && hostThreadsPerCore() == 1);
        return new CpuTopology(packages, threads ? 2 : 1);
    }

    /** The clusters, the one of the boot processor first, and in one more package what is in no cluster. */
    private static List<List<Integer>> packages(CpuConfig cpus) {
        List<List<Integer>> packages = new ArrayList<>();
        List<Integer> rest =
                new ArrayList<>(IntStream.range(0, cpus.count()).boxed().toList());
        for (CpuSet cluster : cpus.clusters()) {
            packages.add(cluster.cpus());
            rest.removeAll(cluster.cpus());
        }
        if (!rest.isEmpty()) {
            packages.add(rest);
        }
        packages.sort((a, b) -> Boolean.compare(b.contains(0), a.contains(0)));
        return packages;
    }

    private static int hostThreadsPerCore() {
        try {
            return CpuSet.parse(Files.readString(SIBLINGS).strip(), 0).size();
        } catch (IOException e) {
            throw new VmmException("--host-cpu-topology: cannot read " + SIBLINGS, e);
        }
    }
}
