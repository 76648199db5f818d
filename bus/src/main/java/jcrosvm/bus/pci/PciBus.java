package jcrosvm.bus.pci;

import java.util.List;
import java.util.function.IntFunction;
import jcrosvm.bus.Bus;
import jcrosvm.bus.IrqLine;
import org.jspecify.annotations.Nullable;

/** Bus 0: the host bridge and the functions behind it. */
public final class PciBus {
    /**
     * @param intxGsis the four interrupts that INTx pins are spread over
     * @param lines the line of a GSI
     */
    public PciBus(Bus memory, Bus ports, PciWindows windows, List<Integer> intxGsis, IntFunction<IrqLine> lines) {}

    /** Puts a function into the preferred slot or the next free one. */
    public PciAddress add(PciFunction function, @Nullable PciAddress preferred) {
        return preferred == null ? new PciAddress(0, 1, 0) : preferred;
    }

    /** Assigns every BAR and enables decoding: called once when all functions are there. */
    public void allocate() {}

    /** All pins in use, for _PRT and the MP table. */
    public List<PciIntxRoute> intxRoutes() {
        return List.of();
    }
}
