package jcrosvm.vmm.config;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.config.CpuSet;
import jcrosvm.devices.DeviceModules;
import jcrosvm.platform.serial.SerialSetup;

/** The one set of checks behind command line, configuration file and embedding. */
final class VmConfigRules {
    /** 16 TiB: guest physical addresses of 46 bits leave room for no more beside the devices. */
    private static final long MAX_MEMORY_MIB = 16L << 20;

    private static final long MIN_MEMORY_MIB = MemoryLayout.MIN_RAM >> 20;
    private static final long SMALL_MEMORY_MIB = 512;

    /** Longest suffix of a socket made in a directory: {@code /jcrosvm-4194304.sock}. */
    private static final int SOCKET_NAME = 21;

    private VmConfigRules() {}

    static void check(VmConfig config) {
        config.boot().validate();
        memory(config.memory());
        cpus(config.cpus());
        config.pci().validate();
        SerialSetup.of(config.allSerial());
        DeviceModules.validate(config.devices());
        socket(config);
        DebugExitConfig debugExit = config.debugExit();
        if (debugExit != null && (debugExit.port() < 1 || debugExit.port() > 0xffff)) {
            throw new VmmException("--debug-exit: port " + debugExit.port() + " is not between 1 and 65535");
        }
    }

    private static void memory(MemoryConfig memory) {
        if (memory.sizeMib() < MIN_MEMORY_MIB) {
            throw new VmmException(
                    "--mem: a VM needs at least " + MIN_MEMORY_MIB + " MiB of memory, not " + memory.sizeMib());
        }
        if (memory.sizeMib() > MAX_MEMORY_MIB) {
            throw new VmmException("--mem: " + memory.sizeMib() + " MiB is more than the machine can address, at most "
                    + MAX_MEMORY_MIB + " MiB");
        }
        // Every host has this much; asking it would only cost time.
        if (memory.sizeMib() > SMALL_MEMORY_MIB || memory.locked()) {
            HostMemory.read().check(memory);
        }
    }

    private static void cpus(CpuConfig cpus) {
        if (cpus.count() < 1) {
            throw new VmmException("--cpus: a VM needs at least 1 vCPU, not " + cpus.count());
        }
        if (cpus.count() > CpuConfig.MAX_COUNT) {
            throw new VmmException("--cpus: " + cpus.count() + " vCPUs are more than the machine can have, at most "
                    + CpuConfig.MAX_COUNT);
        }
        clusters(cpus);
        for (int vcpu : cpus.affinity().perVcpu().keySet()) {
            if (vcpu < 0 || vcpu >= cpus.count()) {
                throw new VmmException("--cpu-affinity: there is no vCPU " + vcpu + " among " + cpus.count());
            }
        }
        affinity(cpus.affinity());
        if (cpus.hostTopology()) {
            String other = !cpus.smt()
                    ? "--no-smt"
                    : !cpus.affinity().isNone()
                            ? "--cpu-affinity"
                            : !cpus.clusters().isEmpty() ? "CPU clusters" : "";
            if (!other.isEmpty()) {
                throw new VmmException("--host-cpu-topology cannot be combined with " + other);
            }
        }
    }

    /** Linux takes what it can of a set, and refuses one that has nothing for it. */
    private static void affinity(CpuAffinity affinity) {
        if (affinity.isNone()) {
            return;
        }
        CpuSet online = HostCpus.online();
        List<CpuSet> sets = new ArrayList<>(affinity.perVcpu().values());
        if (affinity.all() != null) {
            sets.add(affinity.all());
        }
        for (CpuSet set : sets) {
            if (set.cpus().stream().noneMatch(online::contains)) {
                throw new VmmException(
                        "--cpu-affinity: no CPU of " + set.cpus() + " is online; the host has " + online.cpus());
            }
        }
    }

    private static void clusters(CpuConfig cpus) {
        Set<Integer> seen = new HashSet<>();
        for (CpuSet cluster : cpus.clusters()) {
            if (cluster.cpus().isEmpty()) {
                throw new VmmException("--cpus clusters: a cluster is empty");
            }
            for (int vcpu : cluster.cpus()) {
                if (vcpu >= cpus.count()) {
                    throw new VmmException("--cpus clusters: there is no vCPU " + vcpu + " among " + cpus.count());
                }
                if (!seen.add(vcpu)) {
                    throw new VmmException("--cpus clusters: vCPU " + vcpu + " is in two clusters");
                }
            }
        }
        // An x86 processor's place in the topology is a function of its number: only equal packages in order fit.
        int next = 0;
        for (CpuSet cluster : cpus.clusters()) {
            for (int vcpu : cluster.cpus()) {
                if (vcpu != next++ || cluster.size() * cpus.clusters().size() != cpus.count()) {
                    throw new VmmException(
                            "--cpus clusters: all vCPUs are needed, in order and in clusters of one size,"
                                    + " such as [[0-1],[2-3]] of 4");
                }
            }
        }
    }

    private static void socket(VmConfig config) {
        Path path = config.socket();
        if (path == null) {
            return;
        }
        int length = path.toString().getBytes(StandardCharsets.UTF_8).length;
        if (path.toFile().isDirectory()) {
            length += SOCKET_NAME;
        }
        if (length > UnixSocket.MAX_PATH) {
            throw new VmmException("--socket: path " + path + " is too long: " + length + " bytes, at most "
                    + UnixSocket.MAX_PATH + " fit; use a shorter or relative path");
        }
        Path parent = path.toAbsolutePath().getParent();
        if (parent != null && !parent.toFile().isDirectory()) {
            throw new VmmException("--socket: directory " + parent + " does not exist");
        }
    }
}
