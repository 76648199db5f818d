package jcrosvm.vmm.config;

import org.jspecify.annotations.Nullable;

/**
 * The PCI host bridge.
 *
 * @param memory window below 4 GiB for BARs, or null for the machine's own
 * @param ecam window of the memory-mapped configuration space, or null for the machine's own
 * @param portAccess whether Linux's probe of ports 0xCF8 and 0xCFC succeeds
 */
public record PciConfig(
        @Nullable AddressRange memory, @Nullable AddressRange ecam, boolean portAccess) {
    public static PciConfig defaults() {
        return new PciConfig(null, null, true);
    }
}
