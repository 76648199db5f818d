package jcrosvm.vmm.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.CpuSet;

/** The host's processors as the kernel lists them. */
public final class HostCpus {
    private static final Path ONLINE = Path.of("/sys/devices/system/cpu/online");

    private HostCpus() {}

    /** Those that are online, whether or not this process may use them. */
    public static CpuSet online() {
        try {
            return CpuSet.parse(Files.readString(ONLINE).strip(), 0);
        } catch (IOException e) {
            throw new VmmException("cannot read the host's CPUs from " + ONLINE + ": " + e.getMessage(), e);
        }
    }

    /** Those that a vCPU's thread is pinned to; empty for none. */
    public static List<Integer> of(CpuConfig cpus, int vcpu) {
        if (cpus.hostTopology()) {
            return List.of(online().cpus().get(vcpu));
        }
        CpuSet set = cpus.affinity().hostCpus(vcpu);
        return set == null ? List.of() : set.cpus();
    }
}
