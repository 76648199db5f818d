package jcrosvm.vmm.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.PciConfig;
import jcrosvm.serial.SerialConfig;
import jcrosvm.virtio.DeviceConfig;
import org.jspecify.annotations.Nullable;

/** Collects a {@link VmConfig}. Not thread-safe. */
public final class VmConfigBuilder {
    private @Nullable String name;
    private CpuConfig cpus = CpuConfig.defaults();
    private MemoryConfig memory = MemoryConfig.defaults();
    private HypervisorConfig hypervisor = HypervisorConfig.defaults();
    private BootConfig boot = BootConfig.defaults();
    private final List<SerialConfig> serial = new ArrayList<>();
    private final List<DeviceConfig> devices = new ArrayList<>();
    private PlatformConfig platform = PlatformConfig.defaults();
    private PciConfig pci = PciConfig.defaults();
    private @Nullable Path socket;
    private RebootPolicy reboot = RebootPolicy.EXIT;
    private SuspendClock suspendClock = SuspendClock.RUN;
    private StartState start = StartState.RUNNING;
    private @Nullable DebugExitConfig debugExit;

    VmConfigBuilder() {}

    public VmConfigBuilder name(@Nullable String text) {
        name = text;
        return this;
    }

    /** How many vCPUs. */
    public VmConfigBuilder cpus(int count) {
        return cpus(
                new CpuConfig(count, cpus.clusters(), cpus.affinity(), cpus.smt(), cpus.hostTopology(), cpus.nested()));
    }

    public VmConfigBuilder cpus(CpuConfig config) {
        cpus = config;
        return this;
    }

    /** Size of the guest's RAM in MiB. */
    public VmConfigBuilder memoryMib(long size) {
        return memory(new MemoryConfig(size, memory.hugepages(), memory.locked()));
    }

    public VmConfigBuilder memory(MemoryConfig config) {
        memory = config;
        return this;
    }

    public VmConfigBuilder hypervisor(HypervisorConfig config) {
        hypervisor = config;
        return this;
    }

    public VmConfigBuilder kernel(Path image) {
        return boot(boot.withKernel(image));
    }

    public VmConfigBuilder initrd(Path image) {
        return boot(boot.withInitrd(image));
    }

    /** Appends kernel parameters. */
    public VmConfigBuilder params(String... words) {
        List<String> all = new ArrayList<>(boot.params());
        all.addAll(List.of(words));
        return boot(boot.withParams(all));
    }

    public VmConfigBuilder boot(BootConfig config) {
        boot = config;
        return this;
    }

    /** Adds a serial port or console. Virtio consoles are hvc0 and on in the order in which they are added. */
    public VmConfigBuilder serial(SerialConfig config) {
        serial.add(config);
        return this;
    }

    /** Adds a virtio device. */
    public VmConfigBuilder device(DeviceConfig config) {
        devices.add(config);
        return this;
    }

    public VmConfigBuilder platform(PlatformConfig config) {
        platform = config;
        return this;
    }

    public VmConfigBuilder pci(PciConfig config) {
        pci = config;
        return this;
    }

    public VmConfigBuilder socket(@Nullable Path path) {
        socket = path;
        return this;
    }

    public VmConfigBuilder reboot(RebootPolicy policy) {
        reboot = policy;
        return this;
    }

    public VmConfigBuilder start(StartState state) {
        start = state;
        return this;
    }

    public VmConfigBuilder suspendClock(SuspendClock policy) {
        suspendClock = policy;
        return this;
    }

    public VmConfigBuilder debugExit(@Nullable DebugExitConfig config) {
        debugExit = config;
        return this;
    }

    /**
     * The configuration, checked.
     *
     * @throws VmmException as {@link VmConfig#validate()}
     */
    public VmConfig build() {
        VmConfig config = new VmConfig(
                name,
                cpus,
                memory,
                hypervisor,
                boot,
                serial,
                devices,
                platform,
                pci,
                socket,
                reboot,
                start,
                suspendClock,
                debugExit);
        config.validate();
        return config;
    }
}
