package jcrosvm.vmm.config;

/**
 * Switches of the platform devices.
 *
 * @param i8042 keyboard controller, which guests reset through
 * @param rtc real-time clock
 * @param pvpanic PCI device through which a guest reports its panic
 * @param pciPortAccess whether Linux's probe of PCI configuration ports 0xCF8 and 0xCFC succeeds
 * @param virtio how the virtio devices are reached
 * @param virtioIntx whether virtio devices on the PCI bus have interrupt pins beside MSI-X
 * @param virtioAccessPlatform whether drivers of virtio devices go through the guest's DMA interface
 */
public record PlatformConfig(
        boolean i8042,
        boolean rtc,
        boolean pvpanic,
        boolean pciPortAccess,
        VirtioBus virtio,
        boolean virtioIntx,
        boolean virtioAccessPlatform) {
    public static PlatformConfig defaults() {
        return new PlatformConfig(true, true, true, true, VirtioBus.PCI, true, false);
    }
}
