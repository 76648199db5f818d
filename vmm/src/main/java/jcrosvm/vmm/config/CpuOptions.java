package jcrosvm.vmm.config;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.base.VmmException;
import jcrosvm.config.Alias;
import jcrosvm.config.Arguments;
import jcrosvm.config.ConfigException;
import jcrosvm.config.CpuSet;
import jcrosvm.config.Numbers;
import jcrosvm.config.Option;
import jcrosvm.config.UsageException;
import jcrosvm.config.Value;
import org.jspecify.annotations.Nullable;

/** The options of {@code run} that fill a {@link CpuConfig}. */
public final class CpuOptions {
    /**
     * {@code --cpus}.
     *
     * @param coreTypes to {@code mte}: keys of the syntax that this machine does not honour
     */
    public record Cpus(
            @Nullable Integer numCores,
            List<CpuSet> clusters,
            @Nullable Value coreTypes,
            @Nullable Value bootCpu,
            @Alias("freq_domains") @Nullable Value freqDomains,
            @Nullable Value sve,
            @Nullable Value mte) {}

    /** {@code --nested}. */
    public record Nested(CpuConfig.NestedMode mode) {
        public static Nested defaults() {
            return new Nested(CpuConfig.NestedMode.AUTO);
        }
    }

    private static final Option<Cpus> CPUS = Option.structured(
                    "cpus",
                    Cpus.class,
                    "[num-cores=]N,...",
                    "Number of vCPUs (default 1, at most 64); clusters=[[0-1],[2-3]]: vCPUs that share a package.")
            .withLetter('c');
    private static final Option<String> CPU_AFFINITY = Option.word(
            "cpu-affinity",
            String.class,
            "CPUSET",
            "Host CPUs that vCPUs may run on: 0,1-3 for all of them, or 0=0:1=1-2 for each.");
    private static final Option<CpuSet> CPU_CLUSTER = Option.word(
                    "cpu-cluster", CpuSet.class, "CPUSET", "vCPUs that share a package.")
            .repeatable()
            .deprecated("--cpus clusters=[...]");
    private static final Option<Boolean> NO_SMT = Option.flag("no-smt", "Show the guest one thread for each core.");
    private static final Option<Boolean> HOST_CPU_TOPOLOGY = Option.flag(
            "host-cpu-topology", "One vCPU for each host CPU, with the host's topology, pinned one to one.");
    private static final Option<Nested> NESTED = Option.structured(
            "nested",
            Nested.class,
            "off|auto|on",
            "Whether the guest sees VMX or SVM: auto (default) leaves it to the hypervisor.");

    public static final Option.Group GROUP =
            new Option.Group("Processors", List.of(CPUS, CPU_AFFINITY, CPU_CLUSTER, NO_SMT, HOST_CPU_TOPOLOGY, NESTED));

    private CpuOptions() {}

    static CpuConfig read(Arguments arguments) {
        Cpus given = arguments.value(CPUS);
        List<CpuSet> clusters = given == null ? List.of() : given.clusters();
        if (given != null) {
            refuse("core-types", given.coreTypes());
            refuse("boot-cpu", given.bootCpu());
            refuse("freq-domains", given.freqDomains());
            refuse("sve", given.sve());
            refuse("mte", given.mte());
        }
        List<CpuSet> old = arguments.values(CPU_CLUSTER);
        if (!old.isEmpty()) {
            if (!clusters.isEmpty()) {
                throw new VmmException("--cpu-cluster cannot be combined with --cpus clusters=[...]");
            }
            clusters = old;
        }
        boolean hostTopology = arguments.has(HOST_CPU_TOPOLOGY);
        Nested nested = arguments.value(NESTED);
        return new CpuConfig(
                count(given == null ? null : given.numCores(), hostTopology),
                clusters,
                affinity(arguments.value(CPU_AFFINITY)),
                !arguments.has(NO_SMT),
                hostTopology,
                nested == null ? CpuConfig.NestedMode.AUTO : nested.mode());
    }

    private static void refuse(String key, @Nullable Value value) {
        if (value != null) {
            throw new VmmException("--cpus " + key + " is not supported on this machine");
        }
    }

    private static int count(@Nullable Integer given, boolean hostTopology) {
        if (!hostTopology) {
            return given == null ? 1 : given;
        }
        int host = HostCpus.online().size();
        if (given != null && given != host) {
            throw new VmmException("--host-cpu-topology makes " + host + " vCPUs as the host has, but --cpus asks for "
                    + given + ": leave it out");
        }
        return host;
    }

    /** {@code CPUSET}, or {@code vCPU=CPUSET} separated by colons. */
    static CpuAffinity affinity(@Nullable String text) {
        if (text == null) {
            return CpuAffinity.NONE;
        }
        try {
            if (text.indexOf('=') < 0) {
                return new CpuAffinity(CpuSet.parse(text, 0), Map.of());
            }
            Map<Integer, CpuSet> perVcpu = new HashMap<>();
            for (Part part : split(text)) {
                int equals = part.text.indexOf('=');
                if (equals < 0) {
                    throw new ConfigException("expected vCPU=CPUSET, not '" + part.text + "'", part.position);
                }
                int vcpu = (int) Numbers.parse(part.text.substring(0, equals), part.position, 0, CpuSet.MAX_CPU);
                CpuSet set = CpuSet.parse(part.text.substring(equals + 1), part.position + equals + 1);
                if (perVcpu.put(vcpu, set) != null) {
                    throw new ConfigException("vCPU " + vcpu + " is listed twice", part.position);
                }
            }
            return new CpuAffinity(null, perVcpu);
        } catch (ConfigException e) {
            throw new UsageException("invalid value '" + text + "' of option --cpu-affinity: " + e.getMessage(), e);
        }
    }

    private record Part(String text, int position) {}

    private static List<Part> split(String text) {
        List<Part> parts = new ArrayList<>();
        int start = 0;
        for (int i = 0; i <= text.length(); i++) {
            if (i == text.length() || text.charAt(i) == ':') {
                parts.add(new Part(text.substring(start, i), start));
                start = i + 1;
            }
        }
        return parts;
    }
}
