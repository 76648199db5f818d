package jcrosvm.vmm.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.PciConfig;
import jcrosvm.platform.pci.PciFunctionConfig;
import jcrosvm.platform.pci.PciModules;
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
    private List<PciFunctionConfig> functions = PciModules.defaults();
    private PlatformConfig platform = PlatformConfig.defaults();
    private PciConfig pci = PciConfig.defaults();
    private @Nullable Path socket;
    private RebootPolicy reboot = RebootPolicy.EXIT;
    private SuspendClock suspendClock = SuspendClock.RUN;
    private StartState start = StartState.RUNNING;
    private @Nullable DebugExitConfig debugExit;

    VmConfigBuilder() {}

    /** Name of the process, of which Linux keeps 15 bytes; null for none. */
    public VmConfigBuilder name(@Nullable String text) {
        name = text;
        return this;
    }

    /** Number of vCPUs, 1 to 64; 1 if this is not called. */
    public VmConfigBuilder cpus(int count) {
        return cpus(
                new CpuConfig(count, cpus.clusters(), cpus.affinity(), cpus.smt(), cpus.hostTopology(), cpus.nested()));
    }

    /** Number, topology and placement of the vCPUs. */
    public VmConfigBuilder cpus(CpuConfig config) {
        cpus = config;
        return this;
    }

    /** Size of the guest's RAM in MiB; 256 if this is not called. */
    public VmConfigBuilder memoryMib(long size) {
        return memory(new MemoryConfig(size, memory.hugepages(), memory.locked()));
    }

    /** Size of the guest's RAM, and how the host provides it. */
    public VmConfigBuilder memory(MemoryConfig config) {
        memory = config;
        return this;
    }

    /** What runs the guest; chosen by what the host has if this is not called. */
    public VmConfigBuilder hypervisor(HypervisorConfig config) {
        hypervisor = config;
        return this;
    }

    /** Kernel image: bzImage, ELF (PVH or Linux) or Multiboot. */
    public VmConfigBuilder kernel(Path image) {
        return boot(boot.withKernel(image));
    }

    /** Initial RAM disk. */
    public VmConfigBuilder initrd(Path image) {
        return boot(boot.withInitrd(image));
    }

    /** Appends parameters to the kernel's command line. */
    public VmConfigBuilder params(String... words) {
        List<String> all = new ArrayList<>(boot.params());
        all.addAll(List.of(words));
        return boot(boot.withParams(all));
    }

    /** What the guest boots and finds in its tables; replaces what kernel, initrd and params have set. */
    public VmConfigBuilder boot(BootConfig config) {
        boot = config;
        return this;
    }

    /**
     * Adds a serial port or console: {@code SerialConfig.sink(2).with(to -> to.console = true)}. Virtio consoles are hvc0
     * and on in the order in which they are added.
     */
    public VmConfigBuilder serial(SerialConfig config) {
        serial.add(config);
        return this;
    }

    /** Adds a virtio device: {@code BlockConfig.of(path).with(to -> to.ro = true)}, {@code NetConfig.tap(name)}. */
    public VmConfigBuilder device(DeviceConfig config) {
        devices.add(config);
        return this;
    }

    /** The PCI functions that are no virtio devices; those of {@link PciModules#defaults} if this is not called. */
    public VmConfigBuilder functions(List<PciFunctionConfig> configs) {
        functions = configs;
        return this;
    }

    /** Which platform devices the machine has, and the bus of those that are. */
    public VmConfigBuilder platform(PlatformConfig config) {
        platform = config;
        return this;
    }

    /** Where the guest's PCI windows lie. */
    public VmConfigBuilder pci(PciConfig config) {
        pci = config;
        return this;
    }

    /** Path of the control socket, or of the folder that it is made in; null for none. */
    public VmConfigBuilder socket(@Nullable Path path) {
        socket = path;
        return this;
    }

    /** What the guest's reset does. */
    public VmConfigBuilder reboot(RebootPolicy policy) {
        reboot = policy;
        return this;
    }

    /** What runs at first. */
    public VmConfigBuilder start(StartState state) {
        start = state;
        return this;
    }

    /** What the guest's clocks do while the VM is suspended. */
    public VmConfigBuilder suspendClock(SuspendClock policy) {
        suspendClock = policy;
        return this;
    }

    /** A port with which a test's guest ends the VM; null for none. */
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
                functions,
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
