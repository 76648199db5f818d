package jcrosvm.bus.pci;

import java.util.List;
import jcrosvm.bus.IrqLine;

/**
 * A PCI function: what a device shows to {@link PciBus}, which does the rest.
 *
 * <p>The hooks run under the bus's lock, on the vCPU thread that made the access: they may take the device's own lock,
 * so a device must not call {@link PciBus} while holding it. Interrupt lines may be set under any lock.
 */
public interface PciFunction {
    String name();

    /** Always the same one. The BARs' registers are added by the bus. */
    PciConfigSpace config();

    /** Always the same ones. */
    default List<PciBar> bars() {
        return List.of();
    }

    /** Whether it has an interrupt pin. The pin follows from the function number: INTA for 0, INTB for 1 and so on. */
    default boolean usesIntx() {
        return false;
    }

    /** Gives it its interrupt pin, once, before the guest runs; only when {@link #usesIntx}. */
    default void connectIntx(IrqLine line) {}

    /** Called before the guest reads these registers, for those whose value must be fetched. */
    default void beforeConfigRead(int offset, int size) {}

    /** Called after the guest wrote to these registers, whether or not that changed anything. */
    default void afterConfigWrite(int offset, int size) {}

    /** The guest can now reach this BAR here: the place for ioeventfds and memory slots. */
    default void barMapped(PciBar bar, long address) {}

    /** It can no longer reach it. Accesses under way still finish. */
    default void barUnmapped(PciBar bar) {}
}
