package jcrosvm.bus.pci;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntFunction;
import jcrosvm.base.VmmException;
import jcrosvm.bus.Bus;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.SharedIrqLine;
import org.jspecify.annotations.Nullable;

/**
 * Bus 0: the host bridge and the functions behind it. Thread-safe.
 *
 * <p>BARs are on the memory and port buses while their function decodes them, wherever the guest puts them. One that
 * would overlap another device waits, unreachable, until that place is free.
 */
public final class PciBus {
    private static final int DEVICES = 32;
    private static final int FUNCTIONS = 8;
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
    private final PciSlot[] slots = new PciSlot[DEVICES * FUNCTIONS];
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
     * Puts a function into the preferred place or the next free device. Before the guest runs.
     *
     * @throws VmmException when the place is taken or does not exist, or the bus is full
     */
    public synchronized PciAddress add(PciFunction function, @Nullable PciAddress preferred) {
        PciAddress address = preferred == null ? free(function) : preferred;
        if (address.bus() != 0
                || address.device() < 0
                || address.device() >= DEVICES
                || address.function() < 0
                || address.function() >= FUNCTIONS) {
            throw new VmmException("PCI address " + address + " of " + function.name() + " does not exist: only bus 0");
        }
        PciSlot other = slots[index(address)];
        if (other != null) {
            throw new VmmException(
                    "PCI address " + address + " of " + function.name() + " is taken by " + other.function.name());
        }
        PciIntxPin pin = null;
        if (function.usesIntx()) {
            int number = address.function() % PINS;
            pin = new PciIntxPin(intxLines.get(line(address.device(), number)).source());
            function.connectIntx(pin);
            function.config().set8(PciConfigSpace.INTERRUPT_PIN, number + 1);
            function.config().set8(PciConfigSpace.INTERRUPT_LINE, intxGsi(address.device(), number));
        }
        slots[index(address)] = new PciSlot(function, address, pin);
        return address;
    }

    private PciAddress free(PciFunction function) {
        for (int device = 1; device < DEVICES; device++) {
            boolean used = false;
            for (int f = 0; f < FUNCTIONS; f++) {
                used |= slots[device * FUNCTIONS + f] != null;
            }
            if (!used) {
                return new PciAddress(0, device, 0);
            }
        }
        throw new VmmException("no PCI device number left for " + function.name() + ": bus 0 has " + (DEVICES - 1));
    }

    private static int index(PciAddress address) {
        return address.device() * FUNCTIONS + address.function();
    }

    /**
     * Assigns every BAR from the windows and lets the functions decode them, as firmware would. Once, when all
     * functions are there.
     *
     * @throws VmmException when a window is too small, or a device has functions but no function 0
     */
    public synchronized void allocate() {
        for (PciSlot slot : slots) {
            if (slot != null && slot.address.function() != 0) {
                PciSlot first = slots[slot.address.device() * FUNCTIONS];
                if (first == null) {
                    throw new VmmException("PCI address " + slot.address + " of " + slot.function.name()
                            + " cannot be found by the guest: that device has no function 0");
                }
                first.config.markMultiFunction();
            }
        }
        new PciBarAllocation(windows).assign(present());
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
        List<PciSlot> present = new ArrayList<>();
        for (PciSlot slot : slots) {
            if (slot != null) {
                present.add(slot);
            }
        }
        return present;
    }

    /** All functions and where they are, by address. */
    public synchronized List<Place> functions() {
        return present().stream().map(s -> new Place(s.address, s.function)).toList();
    }

    /** A function and its address. */
    public record Place(PciAddress address, PciFunction function) {}

    /** The pins in use, for _PRT and the MP table. */
    public synchronized List<PciIntxRoute> intxRoutes() {
        // Functions of a device can share a pin. No set of records: what hashes them is linked at run time, slowly.
        BitSet pins = new BitSet();
        for (PciSlot slot : present()) {
            if (slot.pin != null) {
                pins.set(slot.address.device() * PINS + slot.address.function() % PINS);
            }
        }
        return pins.stream()
                .mapToObj(n -> new PciIntxRoute(n / PINS, n % PINS, intxGsi(n / PINS, n % PINS)))
                .toList();
    }

    /** Where a pin of a device goes: neighbours get different interrupts. */
    public int intxGsi(int device, int pin) {
        return intxGsis.get(line(device, pin));
    }

    private int line(int device, int pin) {
        return (device + pin) % intxGsis.size();
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
        PciSlot slot = bus == 0 ? slots[deviceFunction & 0xff] : null;
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
        PciSlot slot = bus == 0 ? slots[deviceFunction & 0xff] : null;
        if (slot == null) {
            return;
        }
        slot.config.write(offset, size, value);
        int end = offset + size;
        boolean command = offset < PciConfigSpace.STATUS && end > PciConfigSpace.COMMAND;
        if (command && slot.pin != null) {
            slot.pin.disable((slot.config.get16(PciConfigSpace.COMMAND) & PciConfigSpace.COMMAND_INTX_DISABLE) != 0);
        }
        if (command || (offset < PciConfigSpace.BAR_0 + 24 && end > PciConfigSpace.BAR_0)) {
            remap(slot);
        }
        slot.function.afterConfigWrite(offset, size);
    }

    private void remap(PciSlot slot) {
        if (slot.unmapStale(memory, ports)) {
            // Another BAR may have waited for this place.
            for (PciSlot other : slots) {
                if (other != null) {
                    other.mapWanted(memory, ports);
                }
            }
        } else {
            slot.mapWanted(memory, ports);
        }
    }
}
