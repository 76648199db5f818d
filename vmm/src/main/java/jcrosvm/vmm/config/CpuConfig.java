package jcrosvm.vmm.config;

import java.util.List;
import jcrosvm.config.CpuSet;

/**
 * The vCPUs.
 *
 * @param count how many, 1 to {@link #MAX_COUNT}
 * @param clusters vCPUs that share a package; those in none share one more
 * @param affinity host CPUs that vCPU threads may run on
 * @param smt whether the topology shows sibling threads
 * @param hostTopology copies the host's CPU topology, pinned one to one
 * @param nested whether the guest may run VMs of its own
 */
public record CpuConfig(
        int count, List<CpuSet> clusters, CpuAffinity affinity, boolean smt, boolean hostTopology, NestedMode nested) {
    /** Most vCPUs of the machine model. */
    public static final int MAX_COUNT = 64;

    public CpuConfig {
        clusters = List.copyOf(clusters);
    }

    public static CpuConfig defaults() {
        return new CpuConfig(1, List.of(), CpuAffinity.NONE, true, false, NestedMode.AUTO);
    }

    /** Whether VMX or SVM stays visible in the guest's CPUID. */
    public enum NestedMode {
        OFF,
        /** As the hypervisor offers. */
        AUTO,
        ON
    }
}
