package jcrosvm.bus.pci;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import jcrosvm.base.PciAddress;
import jcrosvm.base.VmmException;
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
        Arrays.fill(mapped, UNMAPPED);
        config.addBars(bars);
    }

    /** Takes BARs that moved or are off from their buses; whether any was. */
    boolean unmapStale(Bus memory, Bus ports) {
        boolean any = false;
        for (int i = 0; i < mapped.length; i++) {
            if (mapped[i] != UNMAPPED && mapped[i] != wanted(bars.get(i))) {
                unmap(i, memory, ports);
                any = true;
            }
        }
        return any;
    }

    private void unmap(int i, Bus memory, Bus ports) {
        PciBar bar = bars.get(i);
        if (mapped[i] != UNMAPPED) {
            bus(bar, memory, ports).remove(mapped[i], bar.size());
            mapped[i] = UNMAPPED;
            function.barUnmapped(bar);
        }
    }

    /** Takes the function off its bus, as it was before it came: it decodes nothing, and pulls no line. */
    void remove(Bus memory, Bus ports) {
        for (int i = 0; i < mapped.length; i++) {
            unmap(i, memory, ports);
        }
        config.set16(PciConfigSpace.COMMAND, 0);
        if (pin != null) {
            pin.remove();
        }
    }

    /** Puts BARs on their buses where there is room. */
    void mapWanted(Bus memory, Bus ports) {
        map(memory, ports, index -> true);
    }

    private void map(Bus memory, Bus ports, IntPredicate which) {
        for (int i = 0; i < mapped.length; i++) {
            PciBar bar = bars.get(i);
            long address = wanted(bar);
            if (mapped[i] == UNMAPPED
                    && which.test(bar.index())
                    && address != UNMAPPED
                    && bus(bar, memory, ports).tryInsert(bar.device(), address, bar.size())) {
                mapped[i] = address;
                function.barMapped(bar, address);
            }
        }
    }

    PciFunctionState state() {
        List<Integer> reachable = new ArrayList<>();
        for (int i = 0; i < mapped.length; i++) {
            if (mapped[i] != UNMAPPED) {
                reachable.add(bars.get(i).index());
            }
        }
        return new PciFunctionState(
                address.toString(), function.name(), config.saved(), reachable, pin != null && pin.level());
    }

    /** @throws VmmException when the state is that of another function */
    void requireSame(PciFunctionState state) {
        if (!state.address().equals(address.toString())) {
            throw new VmmException("the saved machine has %s at PCI address %s, this one has %s at %s"
                    .formatted(state.name(), state.address(), function.name(), address));
        }
        int difference = config.difference(state.config());
        if (difference >= 0) {
            throw new VmmException(
                    "%s at PCI address %s differs from the saved one, %s, in its configuration space at 0x%x"
                            .formatted(function.name(), address, state.name(), difference));
        }
    }

    /** Takes over registers and pin, with all BARs off their buses. */
    void restore(PciFunctionState state, Bus memory, Bus ports) {
        for (int i = 0; i < mapped.length; i++) {
            unmap(i, memory, ports);
        }
        config.restore(state.config());
        if (pin != null) {
            pin.restore(state.interrupt(), isIntxDisabled());
        }
    }

    /** Puts the BARs on their buses that were there. */
    void restoreBars(PciFunctionState state, Bus memory, Bus ports) {
        map(memory, ports, index -> state.mapped().contains(index));
    }

    boolean isIntxDisabled() {
        return (config.get16(PciConfigSpace.COMMAND) & PciConfigSpace.COMMAND_INTX_DISABLE) != 0;
    }

    private long wanted(PciBar bar) {
        long address = config.decodes(bar) ? config.barAddress(bar) : UNMAPPED;
        return bridge == null || address == UNMAPPED || bridge.forwards(bar, address) ? address : UNMAPPED;
    }

    private static Bus bus(PciBar bar, Bus memory, Bus ports) {
        return bar.kind() == PciBar.Kind.IO ? ports : memory;
    }
}
