package jcrosvm.vmm.config;

/**
 * Switches of the platform devices.
 *
 * @param i8042 keyboard controller, which guests reset through
 * @param rtc real-time clock
 * @param s2idle announces low-power idle in the FADT; the guest's suspend then suspends the VM
 * @param pvpanic PCI device through which a guest reports its panic
 */
public record PlatformConfig(boolean i8042, boolean rtc, boolean s2idle, boolean pvpanic) {
    public static PlatformConfig defaults() {
        return new PlatformConfig(true, true, false, true);
    }
}
