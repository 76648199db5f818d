package jcrosvm.bus.pci;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntFunction;
import jcrosvm.base.PciAddress;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.bus.Bus;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.SharedIrqLine;
import org.jspecify.annotations.Nullable;

/**
 * The host bridge, the functions on bus 0, and bridges to other buses where functions were put there. Thread-safe.
 *
 * <p>BARs are on the memory and port buses while their function decodes them, wherever the guest puts them. One that
 * would overlap another device waits, unreachable, until that place is free.
 */
public final class PciBus implements Stateful<PciBusState> {
    private static final int BUSES = 256;
    private static final int PINS = 4;
    private static final PciConfigSpace.Identity HOST_BRIDGE =
            new PciConfigSpace.Identity(0x8086, 0x1237, 0x060000, 2, 0, 0);
    private static final int PCIEXBAR = 0x60;
    private static final int PCIEXBAR_ENABLE = 1;

    private final Bus memory;
    private final Bus ports;
    private final PciWindows windows;
    private final List<Integer> intxGsis;
    private final List<SharedIrqLine> intxLines;
    private final PciSlots slots = new PciSlots();
    private final List<PciBridge> bridges = new ArrayList<>();
    private final PciConfigSpace hostBridge = new PciConfigSpace(HOST_BRIDGE);

    /**
     * @param intxGsis the interrupts that INTx pins are spread over, usually four
     * @param lines the line of a GSI, used by nobody else
     */
    public PciBus(Bus memory, Bus ports, PciWindows windows, List<Integer> intxGsis, IntFunction<IrqLine> lines) {
        if (intxGsis.isEmpty()) {
            throw new IllegalArgumentException("no interrupt for INTx");
        }
        this.memory = memory;
        this.ports = ports;
        this.windows = windows;
        this.intxGsis = List.copyOf(intxGsis);
        intxLines = intxGsis.stream()
                .map(gsi -> new SharedIrqLine(lines.apply(gsi)))
                .toList();
        add(
                new PciFunction() {
                    @Override
                    public String name() {
                        return "host bridge";
                    }

                    @Override
                    public PciConfigSpace config() {
                        return hostBridge;
                    }
                },
                new PciAddress(0, 0, 0));
    }

    /**
     * Shows the place of the memory-mapped configuration space in the host bridge, in the form of Intel's PCIEXBAR: that
     * has words for 64, 128 and 256 MiB only, so a space of another size stays unmentioned there.
     */
    public void publishEcam(long base, long size) {
        int length = switch ((int) (size >>> 26)) {
            case 1 -> 2;
            case 2 -> 1;
            case 4 -> 0;
            default -> -1;
        };
        if (length < 0) {
            return;
        }
        hostBridge.set32(PCIEXBAR, (int) base | length << 1 | PCIEXBAR_ENABLE);
        hostBridge.set32(PCIEXBAR + 4, (int) (base >>> 32));
    }

    /**
     * Puts a function into the preferred place or the next free device of bus 0. A bus other than 0 gets a bridge, which
     * takes the last free device of bus 0, so that none of the others moves. Before the guest runs.
     *
     * @throws VmmException when the place is taken or does not exist, or the bus is full
     */
    public synchronized PciAddress add(PciFunction function, @Nullable PciAddress preferred) {
        PciAddress address = preferred == null ? free(function) : preferred;
        if (address.bus() < 0 || address.bus() >= BUSES) {
            throw new VmmException("PCI address " + address + " of " + function.name() + " does not exist");
        }
        PciBridge bridge = address.bus() == 0 ? null : bridgeTo(address.bus());
        PciSlots bus = bridge == null ? slots : bridge.slots;
        bus.requireFree(address, function);
        PciIntxPin pin = null;
        if (function.usesIntx()) {
            int number = address.function() % PINS;
            int line = bridge == null
                    ? line(address.device(), number)
                    : line(bridge.device, swizzled(address.device(), number));
            pin = new PciIntxPin(intxLines.get(line).source());
            function.connectIntx(pin);
            function.config().set8(PciConfigSpace.INTERRUPT_PIN, number + 1);
            function.config().set8(PciConfigSpace.INTERRUPT_LINE, intxGsis.get(line));
        }
        bus.put(new PciSlot(function, address, pin, bridge));
        return address;
    }

    private PciBridge bridgeTo(int bus) {
        for (PciBridge bridge : bridges) {
            if (bridge.number == bus) {
                return bridge;
            }
        }
        for (int device = PciSlots.DEVICES - 1; device > 0; device--) {
            if (slots.isFree(device)) {
                PciBridge bridge = new PciBridge(bus, device);
                bridges.add(bridge);
                slots.put(new PciSlot(bridge, new PciAddress(0, device, 0), null, null));
                return bridge;
            }
        }
        throw new VmmException(
                "no PCI device number left for a bridge to bus " + bus + ": bus 0 has " + (PciSlots.DEVICES - 1));
    }

    private PciAddress free(PciFunction function) {
        for (int device = 1; device < PciSlots.DEVICES; device++) {
            if (slots.isFree(device)) {
                return new PciAddress(0, device, 0);
            }
        }
        throw new VmmException(
                "no PCI device number left for " + function.name() + ": bus 0 has " + (PciSlots.DEVICES - 1));
    }

    /**
     * Assigns every BAR from the windows and lets the functions decode them, as firmware would. Once, when all
     * functions are there.
     *
     * @throws VmmException when a window is too small, or a device has functions but no function 0
     */
    public synchronized void allocate() {
        PciBarAllocation allocation = new PciBarAllocation(windows);
        slots.markMultiFunction();
        allocation.add(slots.present());
        for (PciBridge bridge : bridges) {
            bridge.slots.markMultiFunction();
            allocation.add(bridge);
        }
        allocation.assign();
        bridges.forEach(PciBridge::enable);
        for (PciSlot slot : present()) {
            int decoding = 0;
            for (PciBar bar : slot.bars) {
                decoding |= bar.kind() == PciBar.Kind.IO ? PciConfigSpace.COMMAND_IO : PciConfigSpace.COMMAND_MEMORY;
            }
            slot.config.set16(PciConfigSpace.COMMAND, slot.config.get16(PciConfigSpace.COMMAND) | decoding);
            slot.mapWanted(memory, ports);
        }
    }

    private List<PciSlot> present() {
        List<PciSlot> present = slots.present();
        bridges.forEach(bridge -> present.addAll(bridge.slots.present()));
        return present;
    }

    /** All functions and where they are: those of bus 0 first, by address. */
    public synchronized List<Place> functions() {
        return present().stream().map(s -> new Place(s.address, s.function)).toList();
    }

    /** A function and its address. */
    public record Place(PciAddress address, PciFunction function) {}

    @Override
    public synchronized PciBusState state() {
        return new PciBusState(present().stream().map(PciSlot::state).toList());
    }

    /** Functions are told of their BARs, but not of their other registers: those have a state of their own. */
    @Override
    public synchronized void restore(PciBusState state) {
        List<PciSlot> present = present();
        List<PciFunctionState> saved = state.functions();
        if (present.size() != saved.size()) {
            throw new VmmException(
                    "the saved machine has %d PCI functions, this one has %d".formatted(saved.size(), present.size()));
        }
        for (int i = 0; i < saved.size(); i++) {
            present.get(i).requireSame(saved.get(i));
        }
        for (int i = 0; i < saved.size(); i++) {
            present.get(i).restore(saved.get(i), memory, ports);
        }
        for (int i = 0; i < saved.size(); i++) {
            present.get(i).restoreBars(saved.get(i), memory, ports);
        }
        present.forEach(slot -> slot.mapWanted(memory, ports));
    }

    /** The pins in use on bus 0, those of bridges included, for _PRT and the MP table. */
    public synchronized List<PciIntxRoute> intxRoutes() {
        // Functions of a device can share a pin. No set of records: what hashes them is linked at run time, slowly.
        BitSet pins = new BitSet();
        addPins(pins, slots, -1);
        bridges.forEach(bridge -> addPins(pins, bridge.slots, bridge.device));
        return pins.stream()
                .mapToObj(n -> new PciIntxRoute(n / PINS, n % PINS, intxGsi(n / PINS, n % PINS)))
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

    /** Which pin of a bridge the pin of a device behind it is wired to (PCI-to-PCI Bridge Architecture 1.2, 9.1). */
    private static int swizzled(int device, int pin) {
        return (device + pin) % PINS;
    }

    /** Where a pin of a device goes: neighbours get different interrupts. */
    public int intxGsi(int device, int pin) {
        return intxGsis.get(line(device, pin));
    }

    private int line(int device, int pin) {
        return (device + pin) % intxGsis.size();
    }

    private @Nullable PciSlot find(int bus, int deviceFunction) {
        if (bus == 0) {
            return slots.at(deviceFunction);
        }
        for (PciBridge bridge : bridges) {
            if (bridge.leadsTo(bus)) {
                return bridge.slots.at(deviceFunction);
            }
        }
        return null;
    }

    /**
     * A configuration read.
     *
     * @param deviceFunction device number in bits 7 to 3, function number in bits 2 to 0
     * @param offset 0 to 0xfff
     * @param size 1 to 4
     * @return all ones when nothing is there
     */
    public synchronized long read(int bus, int deviceFunction, int offset, int size) {
        PciSlot slot = find(bus, deviceFunction);
        if (slot == null) {
            return Bus.ones(size);
        }
        slot.function.beforeConfigRead(offset, size);
        if (slot.pin != null) {
            int status = slot.config.get16(PciConfigSpace.STATUS) & ~PciConfigSpace.STATUS_INTERRUPT;
            slot.config.set16(
                    PciConfigSpace.STATUS, slot.pin.level() ? status | PciConfigSpace.STATUS_INTERRUPT : status);
        }
        return slot.config.read(offset, size);
    }

    /** A configuration write, of 1 to 4 bytes. */
    public synchronized void write(int bus, int deviceFunction, int offset, int size, long value) {
        PciSlot slot = find(bus, deviceFunction);
        if (slot == null) {
            return;
        }
        slot.config.write(offset, size, value);
        int end = offset + size;
        boolean command = offset < PciConfigSpace.STATUS && end > PciConfigSpace.COMMAND;
        if (command && slot.pin != null) {
            slot.pin.disable(slot.isIntxDisabled());
        }
        if (slot.function instanceof PciBridge bridge) {
            if (PciBridge.isForwarding(offset, size)) {
                remap(bridge.slots.present());
            }
        } else if (command || (offset < PciConfigSpace.BAR_0 + 24 && end > PciConfigSpace.BAR_0)) {
            remap(List.of(slot));
        }
        slot.function.afterConfigWrite(offset, size);
    }

    private void remap(List<PciSlot> changed) {
        boolean freed = false;
        for (PciSlot slot : changed) {
            freed |= slot.unmapStale(memory, ports);
        }
        // Another BAR may have waited for a place that is free now.
        for (PciSlot slot : freed ? present() : changed) {
            slot.mapWanted(memory, ports);
        }
    }
}
