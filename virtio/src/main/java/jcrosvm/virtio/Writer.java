package jcrosvm.virtio;

/**
 * The buffers of a request that the device writes its answer into, as one stream. Each method writes at the stream's
 * position and moves it; integers are little-endian and may lie across buffers. A write beyond the last byte is a {@link
 * DescriptorException}, and writes nothing. The driver sees the bytes when the request is completed. Of one thread.
 */
public final class Writer extends BufferCursor {
    Writer(DescriptorChain chain) {
        super(chain);
    }

    /** Writes the low byte of a value. */
    public void putByte(int value) {
        put(value, 1);
    }

    /** Writes the low 2 bytes of a value. */
    public void putShort(int value) {
        put(value, 2);
    }

    /** Writes 4 bytes. */
    public void putInt(int value) {
        put(value, 4);
    }

    /** Writes 8 bytes. */
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

    /** Writes {@code from[offset..offset+length)}. */
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
