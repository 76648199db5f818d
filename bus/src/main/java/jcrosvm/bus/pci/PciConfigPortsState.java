package jcrosvm.bus.pci;

import jcrosvm.base.Limits;

/**
 * Registers of {@link PciConfigPorts}.
 *
 * @param address of the configuration register behind the data ports
 * @param resetControl the register at port 0xcf9
 */
public record PciConfigPortsState(long address, int resetControl) {
    public PciConfigPortsState {
        Limits.bits("the configuration address", address, Integer.toUnsignedLong(PciConfigPorts.ADDRESS_BITS));
        Limits.bits("the reset control register", resetControl, PciConfigPorts.RESET_CONTROL_KEPT);
    }
}
