package jcrosvm.bus.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Poller;
import jcrosvm.bus.MessageInterrupt;
import org.jspecify.annotations.Nullable;

/**
 * The MSI-X capability of a function with its table and pending bits (PCI Local Bus 3.0, 6.8.2). Thread-safe; takes no
 * lock but its own, and calls only the interrupts under it.
 */
public final class Msix implements Stateful<MsixState> {
    private static final int CAPABILITY = 0x11;
    private static final int ENABLE = 1 << 15;
    private static final int MASK_ALL = 1 << 14;
    static final int ENTRY = 16;
    static final int MASKED = 1;

    private static final class Vector {
        final MessageInterrupt message;
        long address;
        int data;
        int control = MASKED;
        boolean pending;

        @Nullable
        EventFd event;

        boolean connected;

        Vector(MessageInterrupt message) {
            this.message = message;
        }
    }

    private final PciConfigSpace config;
    private final int capability;
    private final List<Vector> vectors = new ArrayList<>();
    private volatile boolean enabled;
    private boolean maskedAll; // guarded by this

    /**
     * Adds the capability to a configuration space.
     *
     * @param count vectors, 1 to 2048
     * @param bar number of the BAR that both tables are in
     * @param table offset of the vector table there, a multiple of 8
     * @param pending offset of the pending bits, a multiple of 8
     * @param messages makes the interrupts behind the vectors
     */
    public Msix(
            PciConfigSpace config, int count, int bar, int table, int pending, Supplier<MessageInterrupt> messages) {
        this.config = config;
        byte[] body = new byte[10];
        put(body, 0, count - 1, 2);
        put(body, 2, table | bar, 4);
        put(body, 6, pending | bar, 4);
        capability = config.addCapability(CAPABILITY, body);
        config.allow(capability + 2, 2, ENABLE | MASK_ALL);
        for (int i = 0; i < count; i++) {
            vectors.add(new Vector(messages.get()));
        }
    }

    private static void put(byte[] into, int at, int value, int size) {
        for (int i = 0; i < size; i++) {
            into[at + i] = (byte) (value >>> 8 * i);
        }
    }

    /** A little-endian word. */
    static int word(byte[] from, int at) {
        return from[at] & 0xff | (from[at + 1] & 0xff) << 8 | (from[at + 2] & 0xff) << 16 | from[at + 3] << 24;
    }

    /** Whether the driver uses MSI-X, not INTx. */
    public boolean enabled() {
        return enabled;
    }

    /** How many vectors there are. */
    public int count() {
        return vectors.size();
    }

    /** Bytes of the table. */
    public int tableSize() {
        return vectors.size() * ENTRY;
    }

    /** To be called after the guest wrote to configuration space. */
    public void afterConfigWrite(int offset, int size) {
        if (offset < capability + 4 && offset + size > capability + 2) {
            readControl();
        }
    }

    private synchronized void readControl() {
        int control = config.get16(capability + 2);
        enabled = (control & ENABLE) != 0;
        maskedAll = (control & MASK_ALL) != 0;
        vectors.forEach(this::update);
    }

    @Override
    public synchronized MsixState state() {
        byte[] table = new byte[tableSize()];
        List<Integer> pending = new ArrayList<>();
        for (int i = 0; i < vectors.size(); i++) {
            Vector v = vectors.get(i);
            put(table, i * ENTRY, (int) v.address, 4);
            put(table, i * ENTRY + 4, (int) (v.address >>> 32), 4);
            put(table, i * ENTRY + 8, v.data, 4);
            put(table, i * ENTRY + 12, v.control, 4);
            if (v.pending || isSignalled(v)) {
                pending.add(i);
            }
        }
        return new MsixState(table, pending);
    }

    /** @throws VmmException when the state has another number of vectors */
    public void requireSame(MsixState state) {
        int length = state.table().length;
        if (length != tableSize()) {
            throw new VmmException("the saved function has %d MSI-X vectors, this one has %d"
                    .formatted(length / ENTRY, vectors.size()));
        }
    }

    /** To be called when the configuration space has been restored, which has the control word. */
    @Override
    public synchronized void restore(MsixState state) {
        requireSame(state);
        byte[] table = state.table();
        for (int i = 0; i < vectors.size(); i++) {
            Vector v = vectors.get(i);
            v.address = word(table, i * ENTRY) & 0xffffffffL | (long) word(table, i * ENTRY + 4) << 32;
            v.data = word(table, i * ENTRY + 8);
            v.control = word(table, i * ENTRY + 12);
            v.pending = state.pending().contains(i);
        }
        readControl();
    }

    /** A guest's read of the table, of 4 or 8 aligned bytes. */
    public synchronized long readTable(int offset, int size) {
        if (offset < 0 || offset + size > tableSize() || (size != 4 && size != 8) || offset % size != 0) {
            return -1;
        }
        Vector v = vectors.get(offset / ENTRY);
        long low = v.address;
        long high = v.data & 0xffffffffL | (long) v.control << 32;
        long half = (offset & 8) == 0 ? low : high;
        return size == 8 ? half : half >>> 8 * (offset & 4) & 0xffffffffL;
    }

    /** A guest's write to the table. */
    public synchronized void writeTable(int offset, int size, long value) {
        if (offset < 0 || offset + size > tableSize() || (size != 4 && size != 8) || offset % size != 0) {
            return;
        }
        if (size == 8) {
            writeTable(offset, 4, value);
            writeTable(offset + 4, 4, value >>> 32);
            return;
        }
        Vector v = vectors.get(offset / ENTRY);
        int word = (int) value;
        switch (offset & 12) {
            case 0 -> v.address = v.address & 0xffffffff_00000000L | word & 0xfffffffcL;
            case 4 -> v.address = v.address & 0xffffffffL | (long) word << 32;
            case 8 -> v.data = word;
            default -> v.control = word & MASKED;
        }
        update(v);
    }

    /** A guest's read of the pending bits. */
    public synchronized long readPending(int offset, int size) {
        long bits = 0;
        for (int i = 0; i < 8 * size && 8 * offset + i < vectors.size(); i++) {
            Vector v = vectors.get(8 * offset + i);
            boolean pending = v.pending || !v.connected && isSignalled(v);
            bits |= pending ? 1L << i : 0;
        }
        return bits;
    }

    /** Whether its event was signalled and has not been seen to. */
    private static boolean isSignalled(Vector v) {
        EventFd event = v.event;
        return event != null && Poller.await(event.fd(), Poller.READABLE, 0) != 0;
    }

    private boolean isOpen(Vector v) {
        return enabled && !maskedAll && (v.control & MASKED) == 0;
    }

    private void update(Vector v) {
        boolean open = isOpen(v);
        if (open) {
            v.message.route(v.address, v.data);
            if (v.pending) {
                v.pending = false;
                v.message.signal();
            }
        }
        EventFd event = v.event;
        if (event != null && open != v.connected) {
            v.connected = open;
            v.message.connect(open ? event : null);
        }
    }

    /** Sends a vector's message, or remembers it while it is masked. Out of range: nothing. */
    public void signal(int vector) {
        if (vector < 0 || vector >= vectors.size()) {
            return;
        }
        synchronized (this) {
            Vector v = vectors.get(vector);
            if (isOpen(v)) {
                v.message.signal();
            } else {
                v.pending = enabled;
            }
        }
    }

    /** Connects an event that does as {@link #signal}; the caller keeps it, and connects null before it goes. */
    public synchronized void connect(int vector, @Nullable EventFd event) {
        if (vector < 0 || vector >= vectors.size()) {
            return;
        }
        Vector v = vectors.get(vector);
        if (v.event == event) {
            return;
        }
        if (v.connected) {
            v.connected = false;
            v.message.connect(null);
        }
        v.event = event;
        update(v);
    }

    /** Gives the interrupts back. */
    public synchronized void close() {
        for (Vector v : vectors) {
            v.event = null;
            v.connected = false;
            v.message.close();
        }
    }
}
