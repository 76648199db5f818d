package jcrosvm.virtio;

import java.util.Arrays;
import java.util.Objects;
import jcrosvm.memory.GuestMemory;

/**
 * A request: buffers that the device may read, then buffers that it may write. The descriptors were read once and lie in
 * guest RAM; what is in the buffers can change at any time, so it is read once too.
 *
 * <p>Belongs to its {@link Virtqueue}, which uses it again after {@link Virtqueue#complete}.
 */
public final class DescriptorChain {
    /**
     * Buffers of a request at most, which is as many as a system call takes. Drivers build chains no longer than the
     * ring, or as a device's configuration allows.
     */
    public static final int MAX_BUFFERS = 1024;

    private static final int USUAL = 8;

    final GuestMemory memory;
    /** Head of a split ring's chain, buffer id of a packed ring's. */
    int id;
    /** Slots of a packed ring that it takes. */
    int slots;
    /** The first entry of a packed ring's chain in the notes of what is in flight. */
    int entry;
    /** Popped and not given back. */
    boolean taken;

    long[] addresses = new long[USUAL];
    int[] lengths = new int[USUAL];
    int count;
    int readableCount;

    private final Reader reader;
    private final Writer writer;

    DescriptorChain(GuestMemory memory) {
        this.memory = memory;
        reader = new Reader(this);
        writer = new Writer(this);
    }

    void begin() {
        count = 0;
        slots = 1;
        readableCount = 0;
        taken = true;
    }

    /** Adds a buffer as the driver describes it, and checks it. */
    void add(long address, int length, boolean writable) {
        if (writable) {
            if (length != 0) {
                put(address, length);
            }
        } else {
            if (count != readableCount) {
                throw new DescriptorException("a readable descriptor follows a writable one");
            }
            if (length != 0) {
                put(address, length);
            }
            readableCount = count;
        }
    }

    private void put(long address, int length) {
        if (!memory.contains(address, length & 0xffffffffL)) {
            throw new DescriptorException(
                    "descriptor at 0x%x of %d bytes is not in RAM".formatted(address, length & 0xffffffffL));
        }
        if (count == MAX_BUFFERS) {
            throw new DescriptorException("a request of more than " + MAX_BUFFERS + " buffers");
        }
        if (count == addresses.length) {
            addresses = Arrays.copyOf(addresses, 2 * count);
            lengths = Arrays.copyOf(lengths, 2 * count);
        }
        addresses[count] = address;
        lengths[count++] = length;
    }

    void ready() {
        reader.reset(0, readableCount);
        writer.reset(readableCount, count);
    }

    /** Tells the memory what the device has written: the first {@code bytes} of the writable part. */
    void markWritten(int bytes) {
        long left = bytes & 0xffffffffL;
        for (int i = readableCount; i < count && left > 0; i++) {
            long n = Math.min(left, lengths[i] & 0xffffffffL);
            memory.written(addresses[i], n);
            left -= n;
        }
    }

    /** How many buffers the request has that are not empty. */
    public int buffers() {
        return count;
    }

    /** How many of them, from the first on, the device may read; it may write the others. */
    public int readableBuffers() {
        return readableCount;
    }

    /** Guest physical address of a buffer. */
    public long address(int buffer) {
        return addresses[Objects.checkIndex(buffer, count)];
    }

    /** Bytes of a buffer, unsigned. */
    public int length(int buffer) {
        return lengths[Objects.checkIndex(buffer, count)];
    }

    /** Tells the memory that every buffer that may be written could have been. */
    public void markWritten() {
        for (int i = readableCount; i < count; i++) {
            memory.written(addresses[i], lengths[i] & 0xffffffffL);
        }
    }

    /** The part that the device may read, as a stream. Always the same object. */
    public Reader readable() {
        return reader;
    }

    /** The part that the device may write, as a stream. Always the same object. */
    public Writer writable() {
        return writer;
    }
}
