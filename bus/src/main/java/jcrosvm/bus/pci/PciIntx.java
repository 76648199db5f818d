package jcrosvm.bus.pci;

import java.util.BitSet;
import java.util.List;
import java.util.function.IntFunction;
import jcrosvm.base.PciAddress;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.SharedIrqLine;
import org.jspecify.annotations.Nullable;

/** Where the INTx pins of functions go: spread over some interrupts, so that neighbours get different ones. */
final class PciIntx {
    private static final int PINS = 4;

    private final List<Integer> gsis;
    private final List<SharedIrqLine> lines;

    /** @param gsis at least one */
    PciIntx(List<Integer> gsis, IntFunction<IrqLine> lines) {
        if (gsis.isEmpty()) {
            throw new IllegalArgumentException("no interrupt for INTx");
        }
        this.gsis = List.copyOf(gsis);
        this.lines =
                gsis.stream().map(gsi -> new SharedIrqLine(lines.apply(gsi))).toList();
    }

    /**
     * Gives a function its pin, if it wants one.
     *
     * @param bridge that the function is behind, or null on bus 0
     */
    @Nullable
    PciIntxPin connect(PciFunction function, PciAddress address, @Nullable PciBridge bridge) {
        if (!function.usesIntx()) {
            return null;
        }
        int number = address.function() % PINS;
        int line = bridge == null
                ? line(address.device(), number)
                : line(bridge.device, swizzled(address.device(), number));
        PciIntxPin pin = new PciIntxPin(lines.get(line).source());
        function.connectIntx(pin);
        function.config().set8(PciConfigSpace.INTERRUPT_PIN, number + 1);
        function.config().set8(PciConfigSpace.INTERRUPT_LINE, gsis.get(line));
        return pin;
    }

    /** Which pin of a bridge the pin of a device behind it is wired to (PCI-to-PCI Bridge Architecture 1.2, 9.1). */
    private static int swizzled(int device, int pin) {
        return (device + pin) % PINS;
    }

    private int line(int device, int pin) {
        return (device + pin) % gsis.size();
    }

    /** Where a pin of a device on bus 0 goes. */
    int gsi(int device, int pin) {
        return gsis.get(line(device, pin));
    }

    /** The pins in use on bus 0, those of bridges included. A function may come behind a port later: all pins count. */
    List<PciIntxRoute> routes(PciSlots bus0, List<PciBridge> bridges) {
        // Functions of a device can share a pin. No set of records: what hashes them is linked at run time, slowly.
        BitSet pins = new BitSet();
        addPins(pins, bus0, -1);
        for (PciBridge bridge : bridges) {
            addPins(pins, bridge.slots, bridge.device);
            if (bridge.isPort()) {
                pins.set(bridge.device * PINS, (bridge.device + 1) * PINS);
            }
        }
        return pins.stream()
                .mapToObj(n -> new PciIntxRoute(n / PINS, n % PINS, gsi(n / PINS, n % PINS)))
                .toList();
    }

    /** @param bridge device number of the bridge that the bus is behind, or -1 */
    private static void addPins(BitSet pins, PciSlots bus, int bridge) {
        for (PciSlot slot : bus.present()) {
            if (slot.pin != null) {
                int device = slot.address.device();
                int pin = slot.address.function() % PINS;
                pins.set(bridge < 0 ? device * PINS + pin : bridge * PINS + swizzled(device, pin));
            }
        }
    }
}
