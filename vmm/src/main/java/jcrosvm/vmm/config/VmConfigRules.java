package jcrosvm.vmm.config;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import jcrosvm.base.PciAddress;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.boot.PciConfig;
import jcrosvm.config.CpuSet;
import jcrosvm.devices.DeviceModules;
import jcrosvm.platform.pci.PciModules;
import jcrosvm.platform.serial.SerialSetup;
import jcrosvm.virtio.DeviceConfig;

/** The one set of checks behind command line, configuration file and embedding. */
final class VmConfigRules {
    /** 16 TiB: guest physical addresses of 46 bits leave room for no more beside the devices. */
    private static final long MAX_MEMORY_MIB = 16L << 20;

    private static final long MIN_MEMORY_MIB = MemoryLayout.MIN_RAM >> 20;
    private static final long SMALL_MEMORY_MIB = 512;
    private static final long ECAM_OF_BUS = 1 << 20;
    /** Each is behind a device of bus 0, which keeps some for others. */
    private static final int MAX_HOTPLUG_SLOTS = 16;

    /** The last of 256 addresses all processors. */
    private static final int MAX_APIC_IDS = 255;

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
        PciModules.validate(config.functions());
        pciAddresses(config);
        hotplug(config);
        if (config.hypervisor().kind().equals(HypervisorConfig.SOFT)) {
            refuseForeignWriters(config.devices(), HypervisorConfig.SOFT);
        }
        socket(config);
        DebugExitConfig debugExit = config.debugExit();
        if (debugExit != null && (debugExit.port() < 1 || debugExit.port() > 0xffff)) {
            throw new VmmException("--debug-exit: port " + debugExit.port() + " is not between 1 and 65535");
        }
    }

    private static long buses(VmConfig config) {
        PciConfig.Window ecam = config.pci().ecam();
        Long size = ecam == null ? null : ecam.size();
        return (size == null ? MemoryLayout.ECAM_SIZE : size) / ECAM_OF_BUS;
    }

    private static void hotplug(VmConfig config) {
        int slots = config.platform().hotplugSlots();
        long most = Math.min(buses(config) - 1, MAX_HOTPLUG_SLOTS);
        if (slots < 0 || slots > most) {
            throw new VmmException("there can be 0 to " + most + " slots for hot-plug, not " + slots);
        }
        if (slots > 0 && config.platform().virtio() != VirtioBus.PCI) {
            throw new VmmException("slots for hot-plug need the virtio devices on the PCI bus");
        }
    }

    /** Two devices at one place, or one on a bus that the configuration window does not show. */
    private static void pciAddresses(VmConfig config) {
        long buses = buses(config);
        Set<String> taken = new HashSet<>(Set.of(new PciAddress(0, 0, 0).toString()));
        for (String text : DeviceModules.pciAddresses(config.devices())) {
            PciAddress address = PciAddress.parse(text);
            if (address.bus() >= buses) {
                throw new VmmException("pci-address " + address
                        + ": there are buses 00 to %02x; --pci ecam=[...] with a".formatted(buses - 1)
                        + " larger size makes more");
            }
            if (!taken.add(address.toString())) {
                throw new VmmException("pci-address " + address + " is taken: each device needs one of its own, and "
                        + new PciAddress(0, 0, 0) + " is the host bridge's");
            }
        }
    }

    /**
     * For a hypervisor that does not see what others write into the guest's memory.
     *
     * @throws VmmException when a device has others do so
     */
    static void refuseForeignWriters(List<DeviceConfig> devices, String hypervisor) {
        for (DeviceConfig device : devices) {
            if (!device.foreignWriter().isEmpty()) {
                throw new VmmException(device.foreignWriter() + " cannot be used with hypervisor " + hypervisor
                        + ", which does not see what the host's kernel writes into the guest's memory: leave it out, or"
                        + " use --hypervisor kvm");
            }
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
        // Each package takes as many APIC ids as the largest one needs, rounded up to a power of two.
        int rest = cpus.count() - seen.size();
        int largest = cpus.clusters().stream().mapToInt(CpuSet::size).max().orElse(0);
        int packages = cpus.clusters().size() + (rest > 0 ? 1 : 0);
        int ids = packages * Integer.highestOneBit(Math.max(1, 2 * Math.max(largest, rest) - 1));
        if (!cpus.clusters().isEmpty() && ids > MAX_APIC_IDS) {
            throw new VmmException("--cpus clusters: " + packages + " clusters of up to " + Math.max(largest, rest)
                    + " vCPUs need " + ids + " APIC ids, of which there are " + MAX_APIC_IDS
                    + ": make them of more equal size");
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
