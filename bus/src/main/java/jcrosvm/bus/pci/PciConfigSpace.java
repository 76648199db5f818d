package jcrosvm.bus.pci;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Configuration registers of a function, with a type 0 header (PCI Local Bus 3.0, chapter 6) unless a bridge changes it: their values, which bits
 * the guest may change, and the list of capabilities. Thread-safe.
 *
 * <p>{@link #read} and {@link #write} are the guest's accesses; the device itself uses the sized accessors, which know
 * no masks. The sizing of a BAR needs no code: its address bits below the size are simply not writable.
 */
public final class PciConfigSpace {
    public static final int COMMAND = 0x04;
    public static final int STATUS = 0x06;
    public static final int HEADER_TYPE = 0x0e;
    public static final int BAR_0 = 0x10;
    public static final int CAPABILITY_POINTER = 0x34;
    public static final int INTERRUPT_LINE = 0x3c;
    public static final int INTERRUPT_PIN = 0x3d;

    public static final int COMMAND_IO = 1;
    public static final int COMMAND_MEMORY = 1 << 1;
    public static final int COMMAND_BUS_MASTER = 1 << 2;
    public static final int COMMAND_INTX_DISABLE = 1 << 10;
    public static final int STATUS_INTERRUPT = 1 << 3;
    public static final int STATUS_CAPABILITIES = 1 << 4;

    private static final int COMMAND_PARITY = 1 << 6;
    private static final int COMMAND_SERR = 1 << 8;
    private static final int STATUS_ERRORS = 0xf900;
    private static final int MULTI_FUNCTION = 0x80;
    private static final int HEADER_END = 0x40;
    private static final int EXTENDED = 0x100;
    private static final int EXPRESS_SIZE = 0x1000;

    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    /**
     * Header fields that never change.
     *
     * @param classCode base class, subclass and programming interface: 0x060000 is a host bridge
     */
    public record Identity(int vendor, int device, int classCode, int revision, int subsystemVendor, int subsystem) {}

    private final byte[] registers;
    private final byte[] writable;
    private final byte[] clearable;
    private final byte[] derived;
    private int capabilityEnd = HEADER_END;
    private int lastCapability;
    private int extendedEnd = EXTENDED;
    private int lastExtended;

    /** Conventional configuration space, 256 bytes. */
    public PciConfigSpace(Identity identity) {
        this(identity, false);
    }

    /** @param express whether there are extended registers, 4096 bytes in all */
    public PciConfigSpace(Identity identity, boolean express) {
        int size = express ? EXPRESS_SIZE : EXTENDED;
        registers = new byte[size];
        writable = new byte[size];
        clearable = new byte[size];
        derived = new byte[size];
        set16(0x00, identity.vendor);
        set16(0x02, identity.device);
        set32(0x08, (identity.classCode << 8) | (identity.revision & 0xff));
        set16(0x2c, identity.subsystemVendor);
        set16(0x2e, identity.subsystem);
        allow(COMMAND, 2, COMMAND_BUS_MASTER | COMMAND_INTX_DISABLE | COMMAND_PARITY | COMMAND_SERR);
        allowClear(STATUS, 2, STATUS_ERRORS);
        allow(0x0c, 2, 0xffff); // cache line size and latency timer mean nothing here, but are read back
        allow(INTERRUPT_LINE, 1, 0xff);
    }

    /** Bytes of configuration space, 256 or 4096. */
    public int size() {
        return registers.length;
    }

    /** A guest's read of 1 to 8 bytes; what lies outside is all ones. */
    public synchronized long read(int offset, int size) {
        if (size == 4 && (offset & 3) == 0 && offset >= 0 && offset < registers.length) {
            return (int) INT.get(registers, offset) & 0xffffffffL;
        }
        long value = 0;
        for (int i = 0; i < size; i++) {
            int at = offset + i;
            long b = at >= 0 && at < registers.length ? registers[at] & 0xff : 0xff;
            value |= b << (8 * i);
        }
        return value;
    }

    /** A guest's write of 1 to 8 bytes: only the bits that it may change do. */
    public synchronized void write(int offset, int size, long value) {
        for (int i = 0; i < size; i++) {
            int at = offset + i;
            if (at < 0 || at >= registers.length) {
                return;
            }
            int b = (int) (value >>> (8 * i));
            int old = registers[at];
            int changed = (old & ~writable[at]) | (b & writable[at]);
            registers[at] = (byte) (changed & ~(b & clearable[at]));
        }
    }

    /** All registers but the one bit that only tells the level of a pin. */
    synchronized byte[] saved() {
        byte[] copy = registers.clone();
        copy[STATUS] &= (byte) ~STATUS_INTERRUPT;
        return copy;
    }

    /** Where a saved configuration space has other bits that a guest cannot change, or -1. */
    synchronized int difference(byte[] saved) {
        for (int at = 0; at < Math.min(saved.length, registers.length); at++) {
            int constant = ~(writable[at] | clearable[at] | derived[at] | (at == STATUS ? STATUS_INTERRUPT : 0));
            if (((saved[at] ^ registers[at]) & constant & 0xff) != 0) {
                return at;
            }
        }
        return saved.length == registers.length ? -1 : Math.min(saved.length, registers.length);
    }

    synchronized void restore(byte[] saved) {
        System.arraycopy(saved, 0, registers, 0, registers.length);
    }

    public synchronized int get8(int offset) {
        return registers[offset] & 0xff;
    }

    public synchronized int get16(int offset) {
        return (registers[offset] & 0xff) | ((registers[offset + 1] & 0xff) << 8);
    }

    public synchronized int get32(int offset) {
        return (int) INT.get(registers, offset);
    }

    public synchronized void set8(int offset, int value) {
        registers[offset] = (byte) value;
    }

    public synchronized void set16(int offset, int value) {
        registers[offset] = (byte) value;
        registers[offset + 1] = (byte) (value >> 8);
    }

    public synchronized void set32(int offset, int value) {
        INT.set(registers, offset, value);
    }

    /** Lets the guest change these bits of a little-endian field of {@code size} bytes. */
    public void allow(int offset, int size, long bits) {
        mark(writable, offset, size, bits);
    }

    /** Lets the guest clear these bits by writing ones. */
    public void allowClear(int offset, int size, long bits) {
        mark(clearable, offset, size, bits);
    }

    /** Says that the function changes these bits as the guest writes others. */
    void derived(int offset, int size, long bits) {
        mark(derived, offset, size, bits);
    }

    private synchronized void mark(byte[] mask, int offset, int size, long bits) {
        for (int i = 0; i < size; i++) {
            mask[offset + i] |= (byte) (bits >>> (8 * i));
        }
    }

    /**
     * Appends a capability to the list. Nothing of it is writable until {@link #allow} says so.
     *
     * @param body what follows the identifier and the pointer to the next
     * @return offset of the capability
     */
    public synchronized int addCapability(int id, byte[] body) {
        int at = capabilityEnd;
        if (at + 2 + body.length > EXTENDED) {
            throw new IllegalArgumentException("no room for capability " + id);
        }
        capabilityEnd = at + 2 + body.length + 3 & ~3;
        set8(at, id);
        System.arraycopy(body, 0, registers, at + 2, body.length);
        set8(lastCapability == 0 ? CAPABILITY_POINTER : lastCapability + 1, at);
        lastCapability = at;
        set16(STATUS, get16(STATUS) | STATUS_CAPABILITIES);
        return at;
    }

    /**
     * Appends an extended capability (PCI Express 7.6).
     *
     * @param body what follows the four bytes of the header
     * @return offset of the capability
     */
    public synchronized int addExtendedCapability(int id, int version, byte[] body) {
        int at = extendedEnd;
        if (at + 4 + body.length > registers.length) {
            throw new IllegalArgumentException("no room for extended capability " + id);
        }
        extendedEnd = at + 4 + body.length + 3 & ~3;
        set32(at, id | version << 16);
        System.arraycopy(body, 0, registers, at + 4, body.length);
        if (lastExtended != 0) {
            set32(lastExtended, (get32(lastExtended) & 0xfffff) | (at << 20));
        }
        lastExtended = at;
        return at;
    }

    /** Sets up the registers of these BARs, all at address zero and disabled. */
    synchronized void addBars(List<PciBar> bars) {
        for (PciBar bar : bars) {
            int at = BAR_0 + 4 * bar.index();
            long mask = -bar.size();
            set32(at, bar.flags());
            switch (bar.kind()) {
                case IO -> {
                    allow(at, 4, mask & 0xffff);
                    allow(COMMAND, 2, COMMAND_IO);
                }
                case MEMORY_32 -> {
                    allow(at, 4, mask & 0xffffffffL);
                    allow(COMMAND, 2, COMMAND_MEMORY);
                }
                case MEMORY_64 -> {
                    allow(at, 8, mask);
                    allow(COMMAND, 2, COMMAND_MEMORY);
                }
            }
        }
    }

    /** Where the register says that the BAR is. */
    synchronized long barAddress(PciBar bar) {
        int at = BAR_0 + 4 * bar.index();
        long low = get32(at) & 0xffffffffL;
        return switch (bar.kind()) {
            case IO -> low & ~3L;
            case MEMORY_32 -> low & ~15L;
            case MEMORY_64 -> (low & ~15L) | ((long) get32(at + 4) << 32);
        };
    }

    synchronized void barAddress(PciBar bar, long address) {
        int at = BAR_0 + 4 * bar.index();
        set32(at, (int) address | bar.flags());
        if (bar.kind() == PciBar.Kind.MEMORY_64) {
            set32(at + 4, (int) (address >>> 32));
        }
    }

    boolean decodes(PciBar bar) {
        return (get16(COMMAND) & (bar.kind() == PciBar.Kind.IO ? COMMAND_IO : COMMAND_MEMORY)) != 0;
    }

    void markMultiFunction() {
        set8(HEADER_TYPE, get8(HEADER_TYPE) | MULTI_FUNCTION);
    }
}
