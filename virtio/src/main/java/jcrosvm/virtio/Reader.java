package jcrosvm.virtio;

/**
 * The buffers of a request that the driver gave the device to read, as one stream. Each method reads at the stream's
 * position and moves it; integers are little-endian and may lie across buffers. A read beyond the last byte is a {@link
 * DescriptorException}, and moves nothing. Of one thread.
 */
public final class Reader extends BufferCursor {
    Reader(DescriptorChain chain) {
        super(chain);
    }

    /** Reads a byte, 0 to 255. */
    public int getByte() {
        return (int) get(1);
    }

    /** Reads 2 bytes, 0 to 65535. */
    public int getShort() {
        return (int) get(2);
    }

    /** Reads 4 bytes. */
    public int getInt() {
        return (int) get(4);
    }

    /** Reads 8 bytes. */
    public long getLong() {
        return get(8);
    }

    private long get(int size) {
        need(size);
        if (together() >= size) {
            long at = address();
            take(size);
            return switch (size) {
                case 1 -> chain.memory.getByte(at) & 0xff;
                case 2 -> chain.memory.getShort(at) & 0xffff;
                case 4 -> chain.memory.getInt(at);
                default -> chain.memory.getLong(at);
            };
        }
        long value = 0;
        for (int i = 0; i < size; i++) {
            long at = address();
            take(1);
            value |= (chain.memory.getByte(at) & 0xffL) << 8 * i;
        }
        return size == 4 ? (int) value : value;
    }

    /** Reads {@code into[offset..offset+length)}. */
    public void get(byte[] into, int offset, int length) {
        need(length);
        for (int done = 0; done < length; ) {
            long at = address();
            int n = (int) take(length - done);
            chain.memory.read(at, into, offset + done, n);
            done += n;
        }
    }
}
