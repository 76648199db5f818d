package jcrosvm.virtio;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A device's configuration space as bytes: fields are little-endian, at offsets that the specification gives (virtio
 * 1.3, 2.5). Thread-safe.
 */
public final class ConfigBytes {
    private final byte[] bytes; // guarded by this
    private final ByteBuffer fields;

    /** All zeros. */
    public ConfigBytes(int length) {
        bytes = new byte[length];
        fields = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    public synchronized ConfigBytes putByte(int offset, int value) {
        fields.put(offset, (byte) value);
        return this;
    }

    public synchronized ConfigBytes putShort(int offset, int value) {
        fields.putShort(offset, (short) value);
        return this;
    }

    public synchronized ConfigBytes putInt(int offset, int value) {
        fields.putInt(offset, value);
        return this;
    }

    public synchronized ConfigBytes putLong(int offset, long value) {
        fields.putLong(offset, value);
        return this;
    }

    /**
     * As {@link VirtioDevice#readConfig}: what lies outside of the space is left alone.
     *
     * @param offset of the first byte, not negative
     */
    public synchronized void read(int offset, byte[] into) {
        if (offset < bytes.length) {
            System.arraycopy(bytes, offset, into, 0, Math.min(into.length, bytes.length - offset));
        }
    }
}
