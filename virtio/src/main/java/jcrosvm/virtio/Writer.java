package jcrosvm.virtio;

/** Where the device writes its answer. Values are little-endian; writing too far is a {@link DescriptorException}. */
public final class Writer extends BufferCursor {
    Writer(DescriptorChain chain) {
        super(chain);
    }

    public void putByte(int value) {
        put(value, 1);
    }

    public void putShort(int value) {
        put(value, 2);
    }

    public void putInt(int value) {
        put(value, 4);
    }

    public void putLong(long value) {
        put(value, 8);
    }

    private void put(long value, int size) {
        need(size);
        if (together() >= size) {
            long at = address();
            take(size);
            switch (size) {
                case 1 -> chain.memory.putByte(at, (byte) value);
                case 2 -> chain.memory.putShort(at, (short) value);
                case 4 -> chain.memory.putInt(at, (int) value);
                default -> chain.memory.putLong(at, value);
            }
            return;
        }
        for (int i = 0; i < size; i++) {
            long at = address();
            take(1);
            chain.memory.putByte(at, (byte) (value >>> 8 * i));
        }
    }

    public void put(byte[] from, int offset, int length) {
        need(length);
        for (int done = 0; done < length; ) {
            long at = address();
            int n = (int) take(length - done);
            chain.memory.write(at, from, offset + done, n);
            done += n;
        }
    }
}
