package jcrosvm.vmm.config;

import java.util.Map;
import jcrosvm.config.CpuSet;
import org.jspecify.annotations.Nullable;

/**
 * Which host CPUs vCPU threads may run on.
 *
 * @param all for every vCPU, or null
 * @param perVcpu for single vCPUs; those that are not listed are not pinned. Empty when {@code all} is given
 */
public record CpuAffinity(@Nullable CpuSet all, Map<Integer, CpuSet> perVcpu) {
    /** No thread is pinned. */
    public static final CpuAffinity NONE = new CpuAffinity(null, Map.of());

    public CpuAffinity {
        perVcpu = Map.copyOf(perVcpu);
    }

    /** Host CPUs of one vCPU's thread, or null when it is not pinned. */
    public @Nullable CpuSet hostCpus(int vcpu) {
        return all != null ? all : perVcpu.get(vcpu);
    }

    public boolean isNone() {
        return all == null && perVcpu.isEmpty();
    }
}
