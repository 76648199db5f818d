package jcrosvm.bus.pci;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.testing.Ram;

/** A function with three BARs, an interrupt pin and a record of its hooks. */
final class TestFunction implements PciFunction {
    final Ram io = new Ram(32);
    final Ram low = new Ram(4096);
    final Ram high = new Ram(1 << 14);
    final List<String> events = new ArrayList<>(); // the first thousand
    int mapped; // BARs that can be reached
    private final PciConfigSpace config =
            new PciConfigSpace(new PciConfigSpace.Identity(0x1af4, 0x1041, 0x020000, 1, 0x1af4, 0x40), true);
    private final List<PciBar> bars =
            List.of(PciBar.io(0, 32, io), PciBar.memory32(1, 4096, low), PciBar.memory64(2, 1 << 14, true, high));
    IrqLine intx = level -> {};

    @Override
    public String name() {
        return "test";
    }

    @Override
    public PciConfigSpace config() {
        return config;
    }

    @Override
    public List<PciBar> bars() {
        return bars;
    }

    @Override
    public boolean usesIntx() {
        return true;
    }

    @Override
    public void connectIntx(IrqLine line) {
        intx = line;
    }

    @Override
    public void barMapped(PciBar bar, long address) {
        mapped++;
        if (events.size() < 1000) {
            events.add("map %d 0x%x".formatted(bar.index(), address));
        }
    }

    @Override
    public void barUnmapped(PciBar bar) {
        mapped--;
        if (events.size() < 1000) {
            events.add("unmap " + bar.index());
        }
    }
}
