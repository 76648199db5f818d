package jcrosvm.bus.pci;

import jcrosvm.bus.BusDevice;

/**
 * The memory-mapped configuration mechanism of PCI Express (7.2.2): insert it on the memory bus with 1 MiB per bus.
 * Accesses of eight bytes are made as two of four.
 */
public final class PciEcam implements BusDevice {
    private final PciBus pci;

    public PciEcam(PciBus pci) {
        this.pci = pci;
    }

    @Override
    public String name() {
        return "pci-ecam";
    }

    @Override
    public long read(long offset, int size) {
        int low = Math.min(size, 4);
        long value = readAt(offset, low);
        return size > 4 ? value | readAt(offset + 4, size - 4) << 32 : value;
    }

    @Override
    public void write(long offset, int size, long value) {
        writeAt(offset, Math.min(size, 4), value);
        if (size > 4) {
            writeAt(offset + 4, size - 4, value >>> 32);
        }
    }

    private long readAt(long offset, int size) {
        return pci.read((int) (offset >>> 20), (int) (offset >>> 12) & 0xff, (int) offset & 0xfff, size);
    }

    private void writeAt(long offset, int size, long value) {
        pci.write((int) (offset >>> 20), (int) (offset >>> 12) & 0xff, (int) offset & 0xfff, size, value);
    }
}
