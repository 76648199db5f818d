package jcrosvm.bus.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import jcrosvm.base.PciAddress;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.bus.Bus;
import jcrosvm.bus.IrqLine;
import org.jspecify.annotations.Nullable;

/**
 * The host bridge, the functions on bus 0, and bridges to other buses where functions were put there. Thread-safe.
 *
 * <p>BARs are on the memory and port buses while their function decodes them, wherever the guest puts them. One that
 * would overlap another device waits, unreachable, until that place is free.
 */
public final class PciBus implements Stateful<PciBusState> {
    private static final int BUSES = 256;

    private final Bus memory;
    private final Bus ports;
    private final PciWindows windows;
    private final PciIntx intx;
    private final PciSlots slots = new PciSlots();
    private final List<PciBridge> bridges = new ArrayList<>();
    private final PciHostBridge hostBridge = new PciHostBridge();
    private boolean allocated;

    /**
     * @param intxGsis the interrupts that INTx pins are spread over, usually four
     * @param lines the line of a GSI, which nothing else uses
     */
    public PciBus(Bus memory, Bus ports, PciWindows windows, List<Integer> intxGsis, IntFunction<IrqLine> lines) {
        this.memory = memory;
        this.ports = ports;
        this.windows = windows;
        intx = new PciIntx(intxGsis, lines);
        add(hostBridge, new PciAddress(0, 0, 0));
    }

    /**
     * Shows the place of the memory-mapped configuration space in the host bridge, in the form of Intel's PCIEXBAR: that
     * has words for 64, 128 and 256 MiB only, so a space of another size stays unmentioned there.
     */
    public void publishEcam(long base, long size) {
        hostBridge.publishEcam(base, size);
    }

    /**
     * Puts a function into the preferred place or the next free device of bus 0. A bus other than 0 gets a bridge, which
     * takes the last free device of bus 0, so that none of the others moves. Once BARs are allocated there are no new
     * bridges, and the guest gives the function its addresses; a root port tells the guest of it.
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
        if (bridge != null && bridge.isPort() && address.device() != 0) {
            throw new VmmException("PCI address " + address + " of " + function.name()
                    + " cannot be found by the guest: a root port has device 0 alone behind it");
        }
        if (allocated && address.function() != 0) {
            bus.requireFirst(address, function);
        }
        PciIntxPin pin = intx.connect(function, address, bridge);
        bus.put(new PciSlot(function, address, pin, bridge));
        if (allocated) {
            bus.markMultiFunction();
        }
        if (bridge != null) {
            bridge.tellOccupied();
        }
        return address;
    }

    /**
     * Takes a function off its bus: nothing of it can be reached, and its pin pulls no line. Accesses under way still
     * finish; then the caller may close the function. A root port tells the guest.
     *
     * @throws VmmException when there is none, or it belongs to the buses, or others of its device cannot be found
     *     without it
     */
    public synchronized void remove(PciAddress address) {
        PciBridge bridge = address.bus() == 0 ? null : bridge(address.bus());
        PciSlots bus = bridge == null ? slots : bridge.slots;
        PciSlot slot = address.bus() != 0 && bridge == null ? null : bus.find(address);
        if (slot == null) {
            throw new VmmException("there is no function at PCI address " + address);
        }
        if (slot.function instanceof PciBridge || slot.function == hostBridge) {
            throw new VmmException(slot.function.name() + " at PCI address " + address + " cannot be removed");
        }
        if (address.function() == 0 && bus.hasOthers(address)) {
            throw new VmmException(slot.function.name() + " at PCI address " + address
                    + " cannot be removed before the other functions of its device");
        }
        bus.remove(slot);
        slot.remove(memory, ports);
        present().forEach(other -> other.mapWanted(memory, ports)); // may have waited for a place of its BARs
        if (bridge != null) {
            bridge.tellOccupied();
        }
    }

    /**
     * Adds a root port with a hot-plug slot, on the last free device of bus 0. Before the guest runs.
     *
     * @param bus number of the bus behind it, which is the number of the slot too
     * @param poweredOff called under the lock of this bus, on a vCPU's thread, when the guest switches an occupied slot
     *     off: what is in it may be removed then
     * @throws VmmException when there is a way to that bus already, or bus 0 is full
     */
    public synchronized void addRootPort(int bus, Runnable poweredOff) {
        if (bus <= 0 || bus >= BUSES || bridge(bus) != null) {
            throw new VmmException("PCI bus " + bus + " cannot be behind a root port: it does not exist or is taken");
        }
        addBridge(PciBridge.port(bus, lastFree(bus), poweredOff));
    }

    /**
     * Presses the attention button of a root port's slot: the guest lets go of what is in it, after some seconds, or
     * switches it on if it is off.
     *
     * @throws VmmException when there is no root port to this bus
     */
    public synchronized void pressAttentionButton(int bus) {
        PciBridge bridge = bridge(bus);
        PciHotplugSlot slot = bridge == null ? null : bridge.slot();
        if (slot == null) {
            throw new VmmException("PCI bus " + bus + " is not behind a root port");
        }
        slot.pressAttentionButton();
    }

    private @Nullable PciBridge bridge(int bus) {
        for (PciBridge bridge : bridges) {
            if (bridge.number == bus) {
                return bridge;
            }
        }
        return null;
    }

    private PciBridge bridgeTo(int bus) {
        PciBridge known = bridge(bus);
        return known != null ? known : addBridge(new PciBridge(bus, lastFree(bus)));
    }

    private PciBridge addBridge(PciBridge bridge) {
        PciAddress address = new PciAddress(0, bridge.device, 0);
        bridges.add(bridge);
        slots.put(new PciSlot(bridge, address, intx.connect(bridge, address, null), null));
        return bridge;
    }

    private int lastFree(int bus) {
        if (allocated) {
            throw new VmmException("there is no bridge to PCI bus " + bus + ", and none can be added any more");
        }
        for (int device = PciSlots.DEVICES - 1; device > 0; device--) {
            if (slots.isFree(device)) {
                return device;
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
        allocated = true;
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
        return intx.routes(slots, bridges);
    }

    /** Where a pin of a device goes: neighbours get different interrupts. */
    public int intxGsi(int device, int pin) {
        return intx.gsi(device, pin);
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
