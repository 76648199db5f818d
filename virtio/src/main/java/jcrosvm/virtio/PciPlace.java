package jcrosvm.virtio;

import jcrosvm.base.PciAddress;
import jcrosvm.base.VmmException;
import jcrosvm.config.ConfigException;
import org.jspecify.annotations.Nullable;

/** The key {@code pci-address} of devices that have one. */
public final class PciPlace {
    private PciPlace() {}

    /**
     * Checks a value that the user wrote.
     *
     * @param address null when there is none
     * @throws ConfigException when no PCI address is written like that
     */
    public static void check(@Nullable String address) {
        if (address == null) {
            return;
        }
        try {
            PciAddress.parse(address);
        } catch (VmmException e) {
            throw new ConfigException("pci-address: " + e.getMessage());
        }
    }
}
