package jcrosvm.platform;

import jcrosvm.bus.pci.PciConfigSpace;
import jcrosvm.bus.pci.PciFunction;

/** pvpanic-pci: the guest's kernel reports that it panicked. */
public final class PvPanic implements PciFunction {
    public PvPanic(PowerControl power) {}

    @Override
    public String name() {
        return "pvpanic";
    }

    @Override
    public PciConfigSpace config() {
        return new PciConfigSpace(new PciConfigSpace.Identity(0x1b36, 0x11, 0x88000, 1, 0, 0));
    }
}
