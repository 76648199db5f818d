package jcrosvm.bus.pci;

import jcrosvm.bus.IrqLine;
import org.jspecify.annotations.Nullable;

/**
 * A PCI-to-PCI bridge on bus 0 and the functions behind it (PCI-to-PCI Bridge Architecture 1.2, chapter 3): a
 * conventional one without capabilities, or a root port of PCI Express with a slot, behind which Linux looks for device 0
 * alone. Accesses reach what is behind it only through its windows and while it forwards them, as on hardware. Guarded by
 * the lock of {@link PciBus}.
 */
final class PciBridge implements PciFunction {
    private static final PciConfigSpace.Identity IDENTITY =
            new PciConfigSpace.Identity(0x1b36, 0x0001, 0x060400, 0, 0, 0);
    private static final PciConfigSpace.Identity PORT = new PciConfigSpace.Identity(0x1b36, 0x000c, 0x060400, 0, 0, 0);
    private static final int HEADER_TYPE = 1;
    private static final int SECONDARY_BUS = 0x19;
    private static final int SUBORDINATE_BUS = 0x1a;
    private static final int IO_BASE = 0x1c;
    private static final int IO_LIMIT = 0x1d;
    private static final int SECONDARY_STATUS = 0x1e;
    private static final int MEMORY_BASE = 0x20;
    private static final int MEMORY_LIMIT = 0x22;
    private static final int PREFETCHABLE_BASE = 0x24;
    private static final int PREFETCHABLE_LIMIT = 0x26;
    private static final int PREFETCHABLE_BASE_HIGH = 0x28;
    private static final int PREFETCHABLE_LIMIT_HIGH = 0x2c;
    private static final int BRIDGE_CONTROL = 0x3e;
    /** Behind the registers that decide what the bridge forwards. */
    private static final int FORWARDING_END = 0x34;

    private static final int PREFETCHABLE_IS_64_BIT = 1;
    private static final int STATUS_ERRORS = 0xf900;
    private static final int CONTROL_PARITY_SERR_MASTER_ABORT = 0x23;

    private static final long IO_UNIT = 4 << 10;
    private static final long MEMORY_UNIT = 1 << 20;

    final PciSlots slots = new PciSlots();
    final int number;
    final int device;
    private final PciConfigSpace config;
    private final @Nullable PciHotplugSlot slot;

    /** The kinds of addresses that it forwards. */
    enum Window {
        IO(IO_UNIT),
        MEMORY(MEMORY_UNIT),
        /** May lie above 4 GiB. */
        PREFETCHABLE(MEMORY_UNIT);

        /** What base and size are multiples of. */
        final long unit;

        Window(long unit) {
            this.unit = unit;
        }

        static Window of(PciBar bar) {
            return switch (bar.kind()) {
                case IO -> IO;
                case MEMORY_32 -> MEMORY;
                case MEMORY_64 -> bar.prefetchable() ? PREFETCHABLE : MEMORY;
            };
        }
    }

    /**
     * @param number of the bus behind it, which a guest can change
     * @param device its own number on bus 0
     */
    PciBridge(int number, int device) {
        this(number, device, new PciConfigSpace(IDENTITY), null);
    }

    /** A root port. */
    static PciBridge port(int number, int device, Runnable poweredOff) {
        PciConfigSpace config = new PciConfigSpace(PORT, true);
        return new PciBridge(number, device, config, new PciHotplugSlot(config, number, poweredOff));
    }

    private PciBridge(int number, int device, PciConfigSpace config, @Nullable PciHotplugSlot slot) {
        this.number = number;
        this.device = device;
        this.config = config;
        this.slot = slot;
        config.set8(PciConfigSpace.HEADER_TYPE, HEADER_TYPE);
        config.set8(SECONDARY_BUS, number);
        config.set8(SUBORDINATE_BUS, number);
        config.allow(PciConfigSpace.COMMAND, 2, PciConfigSpace.COMMAND_IO | PciConfigSpace.COMMAND_MEMORY);
        config.allow(0x18, 4, 0xffffffffL); // bus numbers, and a latency timer that means nothing
        config.allow(IO_BASE, 2, 0xf0f0);
        config.allowClear(SECONDARY_STATUS, 2, STATUS_ERRORS);
        config.allow(MEMORY_BASE, 4, 0xfff0fff0L);
        config.allow(PREFETCHABLE_BASE, 4, 0xfff0fff0L);
        config.allow(PREFETCHABLE_BASE_HIGH, 8, -1);
        config.allow(BRIDGE_CONTROL, 2, CONTROL_PARITY_SERR_MASTER_ABORT);
        for (Window window : Window.values()) {
            place(window, window.unit, 0); // ends before it starts: forwards nothing
        }
    }

    @Override
    public String name() {
        return (isPort() ? "root port of bus " : "bridge to bus ") + number;
    }

    /** Whether functions come and go behind it. */
    boolean isPort() {
        return slot != null;
    }

    /** The slot of a root port. */
    @Nullable
    PciHotplugSlot slot() {
        return slot;
    }

    /** Has a root port tell the guest whether there is something in its slot. */
    void tellOccupied() {
        if (slot != null) {
            slot.occupied(!slots.isFree(0));
        }
    }

    @Override
    public boolean usesIntx() {
        return isPort();
    }

    @Override
    public void connectIntx(IrqLine line) {
        if (slot != null) {
            slot.line(line);
        }
    }

    @Override
    public void afterConfigWrite(int offset, int size) {
        if (slot != null) {
            slot.afterConfigWrite(offset, size);
        }
    }

    /** Bytes of a window for functions that may come while the guest runs; it can give them others. */
    long reserved(Window window) {
        return isPort() && window != Window.IO ? 2 * MEMORY_UNIT : 0;
    }

    @Override
    public PciConfigSpace config() {
        return config;
    }

    /** Whether configuration accesses to this bus arrive behind it, where nothing bridges further. */
    boolean leadsTo(int bus) {
        return config.get8(SECONDARY_BUS) == bus && bus <= config.get8(SUBORDINATE_BUS);
    }

    /** Whether a write to these registers can change what it forwards. */
    static boolean isForwarding(int offset, int size) {
        return offset < FORWARDING_END && offset + size > PciConfigSpace.COMMAND;
    }

    /** Whether accesses to all these addresses reach what is behind it. */
    boolean forwards(PciBar bar, long address) {
        int command = config.get16(PciConfigSpace.COMMAND);
        long last = address + bar.size() - 1;
        if (bar.kind() == PciBar.Kind.IO) {
            return (command & PciConfigSpace.COMMAND_IO) != 0 && contains(Window.IO, address, last);
        }
        return (command & PciConfigSpace.COMMAND_MEMORY) != 0
                && (contains(Window.MEMORY, address, last) || contains(Window.PREFETCHABLE, address, last));
    }

    private boolean contains(Window window, long first, long last) {
        long base = switch (window) {
            case IO -> (config.get8(IO_BASE) & 0xf0L) << 8;
            case MEMORY -> (config.get16(MEMORY_BASE) & 0xfff0L) << 16;
            case PREFETCHABLE -> high(PREFETCHABLE_BASE_HIGH) | (config.get16(PREFETCHABLE_BASE) & 0xfff0L) << 16;
        };
        long limit = switch (window) {
            case IO -> (config.get8(IO_LIMIT) & 0xf0L) << 8;
            case MEMORY -> (config.get16(MEMORY_LIMIT) & 0xfff0L) << 16;
            case PREFETCHABLE -> high(PREFETCHABLE_LIMIT_HIGH) | (config.get16(PREFETCHABLE_LIMIT) & 0xfff0L) << 16;
        };
        return Long.compareUnsigned(base, first) <= 0 && Long.compareUnsigned(last, limit | window.unit - 1) <= 0;
    }

    private long high(int offset) {
        return (long) config.get32(offset) << 32;
    }

    /**
     * Sets up a window.
     *
     * @param size 0 for none
     */
    void place(Window window, long base, long size) {
        long limit = base + size - window.unit;
        switch (window) {
            case IO -> {
                config.set8(IO_BASE, (int) (base >>> 8));
                config.set8(IO_LIMIT, (int) (limit >>> 8));
            }
            case MEMORY -> {
                config.set16(MEMORY_BASE, (int) (base >>> 16));
                config.set16(MEMORY_LIMIT, (int) (limit >>> 16));
            }
            case PREFETCHABLE -> {
                config.set16(PREFETCHABLE_BASE, (int) (base >>> 16) | PREFETCHABLE_IS_64_BIT);
                config.set16(PREFETCHABLE_LIMIT, (int) (limit >>> 16) | PREFETCHABLE_IS_64_BIT);
                config.set32(PREFETCHABLE_BASE_HIGH, (int) (base >>> 32));
                config.set32(PREFETCHABLE_LIMIT_HIGH, (int) (limit >>> 32));
            }
        }
    }

    /** Has it forward its windows, and what is behind it reach memory. */
    void enable() {
        int all = PciConfigSpace.COMMAND_IO | PciConfigSpace.COMMAND_MEMORY | PciConfigSpace.COMMAND_BUS_MASTER;
        config.set16(PciConfigSpace.COMMAND, config.get16(PciConfigSpace.COMMAND) | all);
    }
}
