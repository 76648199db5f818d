package jcrosvm.vmm.config;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.PciConfig;
import jcrosvm.devices.DeviceModules;
import jcrosvm.devices.console.ConsoleConfig;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.platform.pci.PciFunctionConfig;
import jcrosvm.serial.SerialConfig;
import jcrosvm.virtio.DeviceConfig;
import org.jspecify.annotations.Nullable;

/**
 * Everything that describes a VM before it exists. Made by the command line, by a configuration file, or by
 * {@link #builder()} in a program that embeds a VM; all three are checked by {@link #validate()}.
 *
 * @param name for people; {@code run} gives it to its process
 * @param serial serial ports and debug consoles as given; what is missing is the machine's business. Virtio consoles
 *     given here become devices, after the others
 * @param devices virtio devices; those of one kind keep their order
 * @param functions PCI functions that are no virtio devices
 * @param socket control socket to listen on; a directory gets a socket named after the process
 * @param reboot what the guest's reset does
 * @param start whether vCPUs and devices run at once
 * @param suspendClock what the guest's clocks do while the VM is suspended
 * @param debugExit a test's way out of the guest, or null
 */
public record VmConfig(
        @Nullable String name,
        CpuConfig cpus,
        MemoryConfig memory,
        HypervisorConfig hypervisor,
        BootConfig boot,
        List<SerialConfig> serial,
        List<DeviceConfig> devices,
        List<PciFunctionConfig> functions,
        PlatformConfig platform,
        PciConfig pci,
        @Nullable Path socket,
        RebootPolicy reboot,
        StartState start,
        SuspendClock suspendClock,
        @Nullable DebugExitConfig debugExit) {
    public VmConfig {
        devices = Stream.concat(
                        devices.stream(),
                        serial.stream().filter(c -> c.hardware().isVirtio()).map(ConsoleConfig::new))
                .toList();
        functions = List.copyOf(functions);
        serial = serial.stream().filter(c -> !c.hardware().isVirtio()).toList();
    }

    /** The serial ports, debug consoles and virtio consoles: all that {@code --serial} describes. */
    public List<SerialConfig> allSerial() {
        return Stream.concat(
                        serial.stream(),
                        devices.stream()
                                .filter(ConsoleConfig.class::isInstance)
                                .map(device -> ((ConsoleConfig) device).serial()))
                .toList();
    }

    /** A builder with one vCPU, 256 MiB and nothing to boot. */
    public static VmConfigBuilder builder() {
        return new VmConfigBuilder();
    }

    /**
     * Checks everything that can be known before host and guest are touched.
     *
     * @throws jcrosvm.base.VmmException naming the first value that cannot be, and what to do
     */
    public void validate() {
        VmConfigRules.check(this);
    }

    /**
     * Checks what depends on the hypervisor, once it is chosen.
     *
     * @throws jcrosvm.base.VmmException naming the first device that it cannot serve, and what to do
     */
    public void validateOn(Hypervisor hypervisor) {
        validateOn(hypervisor, devices);
    }

    /**
     * Checks all devices of a running VM, before one is added to them.
     *
     * @throws jcrosvm.base.VmmException naming the first value that cannot be, and what to do
     */
    public static void validateDevices(List<DeviceConfig> all, Hypervisor hypervisor) {
        DeviceModules.validate(all);
        validateOn(hypervisor, all);
    }

    private static void validateOn(Hypervisor hypervisor, List<DeviceConfig> devices) {
        if (!hypervisor.supports(Hypervisor.Capability.FOREIGN_WRITES)) {
            VmConfigRules.refuseForeignWriters(devices, hypervisor.name());
        }
    }
}
