package jcrosvm.platform.irqchip;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import jcrosvm.base.Stateful;
import jcrosvm.bus.Bus;
import jcrosvm.bus.BusDevice;
import jcrosvm.hypervisor.IrqRoute;
import jcrosvm.hypervisor.Msi;

/**
 * The I/O APIC (Intel 82093AA, with the EOI register of version 0x20): 24 inputs, each of which sends a message to the
 * local APICs. Thread-safe.
 */
public final class IoApic implements BusDevice, Stateful<IoApicState> {
    public static final long BASE = 0xfec0_0000L;
    public static final int PINS = 24;

    private static final int SIZE = 0x1000;
    private static final int SELECT = 0x00;
    private static final int WINDOW = 0x10;
    private static final int EOI = 0x40;
    private static final int ID = 0;
    private static final int VERSION = 1;
    private static final int ARBITRATION = 2;
    private static final int ENTRIES = 0x10;
    static final int ID_BITS = 0x0f00_0000;
    private static final int VERSION_VALUE = 0x20 | ((PINS - 1) << 16);

    private final Consumer<Msi> messages;
    private final Consumer<List<IrqRoute>> routesChanged;

    // All guarded by this.
    private final long[] entries = new long[PINS];
    private final Msi[] prepared = new Msi[PINS];
    private int lines;
    private int select;
    private int id;
    private List<IrqRoute> routes = List.of();

    /**
     * @param messages delivers an interrupt
     * @param routesChanged gets the messages of all level-triggered pins whenever one of them changes, masked or not:
     *     what KVM must know as routes of GSIs 0 to 23 to report their end of interrupt. Called under this device's
     *     lock, before a message with the new values is sent
     */
    public IoApic(Consumer<Msi> messages, Consumer<List<IrqRoute>> routesChanged) {
        this.messages = messages;
        this.routesChanged = routesChanged;
        Arrays.fill(entries, RedirectionEntry.MASKED);
        Arrays.fill(prepared, RedirectionEntry.message(RedirectionEntry.MASKED));
    }

    public void attach(Bus memory) {
        memory.insert(this, BASE, SIZE);
    }

    @Override
    public String name() {
        return "ioapic";
    }

    @Override
    public synchronized IoApicState state() {
        return new IoApicState(Arrays.stream(entries).boxed().toList(), lines, select, id);
    }

    /** Sends nothing: an interrupt that was sent is the local APICs' since. */
    @Override
    public synchronized void restore(IoApicState state) {
        for (int pin = 0; pin < PINS; pin++) {
            entries[pin] = state.entries().get(pin);
            prepared[pin] = RedirectionEntry.message(entries[pin]);
        }
        lines = state.lines();
        select = state.select();
        id = state.id();
        publish();
    }

    /** @param pin 0 to 23 */
    public synchronized void line(int pin, boolean level) {
        int bit = 1 << pin;
        boolean was = (lines & bit) != 0;
        lines = level ? lines | bit : lines & ~bit;
        if (!level || RedirectionEntry.isMasked(entries[pin])) {
            return; // an edge at a masked input is lost
        }
        if (RedirectionEntry.isLevel(entries[pin])) {
            serviceLevel(pin);
        } else if (!was) {
            send(pin);
        }
    }

    private void serviceLevel(int pin) {
        long entry = entries[pin];
        boolean asserted = (lines & (1 << pin)) != 0;
        if (asserted && !RedirectionEntry.isMasked(entry) && (entry & RedirectionEntry.REMOTE_IRR) == 0) {
            entries[pin] |= RedirectionEntry.REMOTE_IRR;
            send(pin);
        }
    }

    private void send(int pin) {
        if (!RedirectionEntry.isExtInt(entries[pin])) {
            messages.accept(prepared[pin]);
        }
    }

    /** A local APIC ended this vector: inputs that are still asserted interrupt again. */
    public synchronized void endOfInterrupt(int vector) {
        for (int pin = 0; pin < PINS; pin++) {
            long entry = entries[pin];
            if ((entry & RedirectionEntry.REMOTE_IRR) != 0 && RedirectionEntry.vector(entry) == vector) {
                entries[pin] &= ~RedirectionEntry.REMOTE_IRR;
                serviceLevel(pin);
            }
        }
    }

    @Override
    public synchronized long read(long offset, int size) {
        return switch ((int) offset & 0xff) {
            case SELECT -> select;
            case WINDOW -> readRegister() & 0xffffffffL;
            default -> 0;
        };
    }

    @Override
    public void write(long offset, int size, long value) {
        switch ((int) offset & 0xff) {
            case SELECT -> {
                synchronized (this) {
                    select = (int) value & 0xff;
                }
            }
            case WINDOW -> writeRegister((int) value);
            case EOI -> endOfInterrupt((int) value & 0xff);
            default -> {
                // reserved
            }
        }
    }

    private int readRegister() {
        int entry = (select - ENTRIES) >> 1;
        if (select >= ENTRIES && entry < PINS) {
            return (int) ((select & 1) == 0 ? entries[entry] : entries[entry] >>> 32);
        }
        return switch (select) {
            case ID, ARBITRATION -> id;
            case VERSION -> VERSION_VALUE;
            default -> 0;
        };
    }

    private synchronized void writeRegister(int value) {
        int pin = (select - ENTRIES) >> 1;
        if (select == ID) {
            id = value & ID_BITS;
        } else if (select >= ENTRIES && pin < PINS) {
            writeEntry(pin, (select & 1) != 0, value);
        }
    }

    private void writeEntry(int pin, boolean high, int value) {
        long old = entries[pin];
        long entry;
        if (high) {
            entry = (old & 0xffffffffL) | ((long) value << 32);
        } else {
            long low = value & 0x1ffffL & ~RedirectionEntry.READ_ONLY;
            entry = (old & ~0xffffffffL) | low | (old & RedirectionEntry.READ_ONLY);
        }
        if (!RedirectionEntry.isLevel(entry)) {
            entry &= ~RedirectionEntry.REMOTE_IRR; // how software without the EOI register ends an interrupt
        }
        entries[pin] = entry;
        Msi message = RedirectionEntry.message(entry);
        if (!message.equals(prepared[pin])) {
            prepared[pin] = message;
            publish();
        }
        if (RedirectionEntry.isLevel(entries[pin])) {
            serviceLevel(pin);
        }
    }

    private void publish() {
        List<IrqRoute> now = new ArrayList<>();
        for (int pin = 0; pin < PINS; pin++) {
            if (RedirectionEntry.isLevel(entries[pin]) && !RedirectionEntry.isExtInt(entries[pin])) {
                now.add(new IrqRoute.Message(pin, prepared[pin]));
            }
        }
        if (!now.equals(routes)) {
            routes = List.copyOf(now);
            routesChanged.accept(routes);
        }
    }
}
