package jcrosvm.bus.testing;

import jcrosvm.bus.BusDevice;

/** A device of plain bytes, little-endian. */
public final class Ram implements BusDevice {
    private final byte[] bytes;

    public Ram(int size) {
        bytes = new byte[size];
    }

    @Override
    public String name() {
        return "ram";
    }

    @Override
    public synchronized long read(long offset, int size) {
        long value = 0;
        for (int i = size - 1; i >= 0; i--) {
            value = value << 8 | bytes[(int) offset + i] & 0xff;
        }
        return value;
    }

    @Override
    public synchronized void write(long offset, int size, long value) {
        for (int i = 0; i < size; i++) {
            bytes[(int) offset + i] = (byte) (value >>> (8 * i));
        }
    }
}
