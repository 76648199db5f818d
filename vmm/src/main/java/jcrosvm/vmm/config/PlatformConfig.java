package jcrosvm.vmm.config;

/**
 * Switches of the platform devices.
 *
 * @param i8042 keyboard controller, which guests reset through
 * @param rtc real-time clock
 * @param s2idle announces low-power idle in the FADT; the guest's suspend then suspends the VM
 * @param pvpanic PCI device through which a guest reports its panic
 * @param pciPortAccess whether Linux's probe of PCI configuration ports 0xCF8 and 0xCFC succeeds
 */
public record PlatformConfig(boolean i8042, boolean rtc, boolean s2idle, boolean pvpanic, boolean pciPortAccess) {
    public static PlatformConfig defaults() {
        return new PlatformConfig(true, true, false, true, true);
    }
}
