package jcrosvm.bus.pci;

import java.util.List;
import jcrosvm.bus.Bus;
import org.jspecify.annotations.Nullable;

/** A function in its place: which of its BARs are where. Guarded by the bus's lock. */
final class PciSlot {
    private static final long UNMAPPED = -1;

    final PciFunction function;
    final PciAddress address;
    final PciConfigSpace config;
    final List<PciBar> bars;
    final @Nullable PciIntxPin pin;
    private final @Nullable PciBridge bridge;
    private final long[] mapped;

    /** @param bridge that it is behind, or null on bus 0 */
    PciSlot(PciFunction function, PciAddress address, @Nullable PciIntxPin pin, @Nullable PciBridge bridge) {
        this.function = function;
        this.address = address;
        this.pin = pin;
        this.bridge = bridge;
        config = function.config();
        bars = function.bars();
        mapped = new long[bars.size()];
        java.util.Arrays.fill(mapped, UNMAPPED);
        config.addBars(bars);
    }

    /** Takes BARs that moved or are off from their buses; whether any was. */
    boolean unmapStale(Bus memory, Bus ports) {
        boolean any = false;
        for (int i = 0; i < mapped.length; i++) {
            PciBar bar = bars.get(i);
            if (mapped[i] != UNMAPPED && mapped[i] != wanted(bar)) {
                bus(bar, memory, ports).remove(mapped[i], bar.size());
                mapped[i] = UNMAPPED;
                function.barUnmapped(bar);
                any = true;
            }
        }
        return any;
    }

    /** Puts BARs on their buses where there is room. */
    void mapWanted(Bus memory, Bus ports) {
        for (int i = 0; i < mapped.length; i++) {
            PciBar bar = bars.get(i);
            long address = wanted(bar);
            if (mapped[i] == UNMAPPED
                    && address != UNMAPPED
                    && bus(bar, memory, ports).tryInsert(bar.device(), address, bar.size())) {
                mapped[i] = address;
                function.barMapped(bar, address);
            }
        }
    }

    private long wanted(PciBar bar) {
        long address = config.decodes(bar) ? config.barAddress(bar) : UNMAPPED;
        return bridge == null || address == UNMAPPED || bridge.forwards(bar, address) ? address : UNMAPPED;
    }

    private static Bus bus(PciBar bar, Bus memory, Bus ports) {
        return bar.kind() == PciBar.Kind.IO ? ports : memory;
    }
}
