package jcrosvm.bus.pci;

import jcrosvm.bus.Bus;

/** Configuration mechanism #1, ports 0xCF8 to 0xCFF, and the reset control register 0xCF9. */
public final class PciConfigPorts {
    public PciConfigPorts(PciBus pci, Runnable reset) {}

    public void attach(Bus ports) {}
}
