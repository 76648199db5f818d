package jcrosvm.bus.pci;

import jcrosvm.bus.BusDevice;

/** The memory-mapped configuration mechanism of PCI Express: insert it on the memory bus with 1 MiB per bus. */
public final class PciEcam implements BusDevice {
    public PciEcam(PciBus pci) {}

    @Override
    public String name() {
        return "pci-ecam";
    }

    @Override
    public long read(long offset, int size) {
        return -1;
    }

    @Override
    public void write(long offset, int size, long value) {}
}
