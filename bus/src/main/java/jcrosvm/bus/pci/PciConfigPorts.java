package jcrosvm.bus.pci;

import jcrosvm.base.Stateful;
import jcrosvm.bus.Bus;
import jcrosvm.bus.BusDevice;

/**
 * Configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2): the address at port 0xCF8, which takes whole double words
 * only, the data at 0xCFC to 0xCFF, and in between the reset control register 0xCF9.
 */
public final class PciConfigPorts implements BusDevice, Stateful<PciConfigPortsState> {
    private static final int BASE = 0xcf8;
    private static final int SIZE = 8;
    private static final int RESET_CONTROL = 1;
    private static final int RESET_CPU = 1 << 2;
    static final int RESET_CONTROL_KEPT = 0x0a;
    private static final int DATA = 4;
    private static final int ENABLE = 1 << 31;
    static final int ADDRESS_BITS = 0x80fffffc;

    private final PciBus pci;
    private final Runnable reset;
    private final boolean readable;
    private volatile int address;
    private volatile int resetControl;

    /**
     * @param reset what setting bit 2 of the reset control register does
     * @param readable false makes Linux's probe of the mechanism fail, so that it uses the memory-mapped one
     */
    public PciConfigPorts(PciBus pci, Runnable reset, boolean readable) {
        this.pci = pci;
        this.reset = reset;
        this.readable = readable;
    }

    public void attach(Bus ports) {
        ports.insert(this, BASE, SIZE);
    }

    @Override
    public String name() {
        return "pci-config";
    }

    @Override
    public PciConfigPortsState state() {
        return new PciConfigPortsState(Integer.toUnsignedLong(address), resetControl);
    }

    @Override
    public void restore(PciConfigPortsState state) {
        address = (int) state.address();
        resetControl = state.resetControl();
    }

    @Override
    public long read(long offset, int size) {
        int a = address;
        if (offset == 0 && size == 4) {
            return readable ? a & 0xffffffffL : -1;
        }
        if (offset == RESET_CONTROL && size == 1) {
            return resetControl;
        }
        if (offset < DATA || a >= 0 || !readable) {
            return -1;
        }
        return pci.read(a >>> 16 & 0xff, a >>> 8 & 0xff, (a & 0xfc) + (int) offset - DATA, size);
    }

    @Override
    public void write(long offset, int size, long value) {
        if (offset == 0 && size == 4) {
            address = (int) value & ADDRESS_BITS;
        } else if (offset == RESET_CONTROL && size == 1) {
            resetControl = (int) value & RESET_CONTROL_KEPT;
            if ((value & RESET_CPU) != 0) {
                reset.run();
            }
        } else {
            int a = address;
            if (offset >= DATA && (a & ENABLE) != 0) {
                pci.write(a >>> 16 & 0xff, a >>> 8 & 0xff, (a & 0xfc) + (int) offset - DATA, size, value);
            }
        }
    }
}
