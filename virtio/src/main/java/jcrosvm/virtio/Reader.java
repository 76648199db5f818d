package jcrosvm.virtio;

/** What the driver gave the device to read. Values are little-endian; reading too far is a {@link DescriptorException}. */
public final class Reader extends BufferCursor {
    Reader(DescriptorChain chain) {
        super(chain);
    }

    public int getByte() {
        return (int) get(1);
    }

    public int getShort() {
        return (int) get(2);
    }

    public int getInt() {
        return (int) get(4);
    }

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
