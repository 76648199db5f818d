package jcrosvm.vmm.config;

/**
 * Switches of the platform devices.
 *
 * @param i8042 keyboard controller, which guests reset through
 * @param rtc real-time clock
 * @param pciPortAccess whether Linux's probe of PCI configuration ports 0xCF8 and 0xCFC succeeds
 * @param virtio how the virtio devices are reached
 * @param virtioIntx whether virtio devices on the PCI bus have interrupt pins beside MSI-X
 * @param virtioAccessPlatform whether drivers of virtio devices go through the guest's DMA interface
 * @param hotplugSlots slots that virtio devices can come into and go from while the guest runs: slot {@code n} is behind a
 *     root port, as device 0 of PCI bus {@code n}, counted from 1
 */
public record PlatformConfig(
        boolean i8042,
        boolean rtc,
        boolean pciPortAccess,
        VirtioBus virtio,
        boolean virtioIntx,
        boolean virtioAccessPlatform,
        int hotplugSlots) {
    public static PlatformConfig defaults() {
        return new PlatformConfig(true, true, true, VirtioBus.PCI, true, false, 0);
    }

    public PlatformConfig withVirtio(VirtioBus bus) {
        return new PlatformConfig(i8042, rtc, pciPortAccess, bus, virtioIntx, virtioAccessPlatform, hotplugSlots);
    }

    public PlatformConfig withVirtioAccessPlatform(boolean value) {
        return new PlatformConfig(i8042, rtc, pciPortAccess, virtio, virtioIntx, value, hotplugSlots);
    }

    public PlatformConfig withHotplugSlots(int count) {
        return new PlatformConfig(i8042, rtc, pciPortAccess, virtio, virtioIntx, virtioAccessPlatform, count);
    }
}
