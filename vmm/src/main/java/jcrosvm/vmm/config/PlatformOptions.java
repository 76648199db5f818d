package jcrosvm.vmm.config;

import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.boot.PciConfig;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;

/** The options of {@code run} for the platform's devices and the PCI host bridge. */
public final class PlatformOptions {
    private static final Option<Boolean> NO_I8042 = Option.flag("no-i8042", "Without keyboard controller.");
    private static final Option<Boolean> NO_RTC = Option.flag("no-rtc", "Without CMOS real-time clock.");
    private static final Option<PciConfig> PCI =
            Option.structured("pci", PciConfig.class, "KEY=VALUE,...", "PCI windows.");
    private static final Option<Long> PCI_START = Option.word(
                    "pci-start", Long.class, "ADDRESS", "First address of the PCI window below 4 GiB.")
            .deprecated("--pci mem=[start=ADDRESS]");
    private static final Option<Boolean> BREAK_LINUX_PCI_CONFIG_IO = Option.flag(
            "break-linux-pci-config-io",
            "Make Linux's probe of the PCI configuration ports fail, so that it uses the memory-mapped space.");
    private static final Option<VirtioBus> VIRTIO_BUS = Option.structured(
            "virtio-bus",
            VirtioBus.class,
            "pci|mmio",
            "Where the guest finds virtio devices: on the PCI bus (default), or at addresses of their own, as ACPI says.");
    private static final Option<Boolean> DISABLE_VIRTIO_INTX =
            Option.flag("disable-virtio-intx", "Give virtio devices no interrupt pins: their drivers must use MSI-X.");
    private static final Option<Boolean> VIRTIO_ACCESS_PLATFORM = Option.flag(
            "virtio-access-platform",
            "Have drivers of virtio devices use the guest's DMA interface, for instance its bounce buffers (swiotlb).");
    private static final Option<Boolean> NO_USB =
            Option.flag("no-usb", "Without USB controller, which this machine does not have yet.");

    public static final Option.Group GROUP = new Option.Group(
            "Platform",
            List.of(
                    NO_I8042,
                    NO_RTC,
                    PCI,
                    PCI_START,
                    BREAK_LINUX_PCI_CONFIG_IO,
                    VIRTIO_BUS,
                    DISABLE_VIRTIO_INTX,
                    VIRTIO_ACCESS_PLATFORM,
                    NO_USB));

    private PlatformOptions() {}

    static PlatformConfig read(Arguments arguments) {
        VirtioBus bus = arguments.value(VIRTIO_BUS);
        return new PlatformConfig(
                !arguments.has(NO_I8042),
                !arguments.has(NO_RTC),
                !arguments.has(BREAK_LINUX_PCI_CONFIG_IO),
                bus == null ? VirtioBus.PCI : bus,
                !arguments.has(DISABLE_VIRTIO_INTX),
                arguments.has(VIRTIO_ACCESS_PLATFORM),
                0); // no command plugs a device yet
    }

    static PciConfig readPci(Arguments arguments) {
        PciConfig given = arguments.value(PCI);
        PciConfig pci = given == null ? PciConfig.defaults() : given;
        Long start = arguments.value(PCI_START);
        if (start == null) {
            return pci;
        }
        if (pci.mem() != null) {
            throw new VmmException("--pci-start cannot be combined with --pci mem=[...]");
        }
        return new PciConfig(new PciConfig.Window(start, null), pci.ecam());
    }
}
