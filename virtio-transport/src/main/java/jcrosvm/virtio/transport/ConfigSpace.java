package jcrosvm.virtio.transport;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.virtio.VirtioDevice;

/**
 * A device's configuration space as its driver sees it, with the generation that tells torn reads (virtio 1.3, 2.5.2).
 *
 * <p>Devices change their space on threads of their own and say so a moment later. A driver that reads in this moment
 * would see no new generation, so each look at the generation compares the space with what it was before.
 */
final class ConfigSpace {
    private final VirtioDevice device;
    private final int length;
    private final AtomicInteger generation = new AtomicInteger();
    private final byte[] last;
    private final byte[] now;

    ConfigSpace(VirtioDevice device) {
        this.device = device;
        length = device.traits().configLength();
        last = new byte[length];
        now = new byte[length];
    }

    /** The device says that it has changed; from any thread. */
    void changed() {
        generation.incrementAndGet();
    }

    int generation() {
        return generation.get();
    }

    /** Looks whether it has changed, which makes a new generation. */
    boolean compare() {
        device.readConfig(0, now);
        if (Arrays.equals(now, last)) {
            return false;
        }
        System.arraycopy(now, 0, last, 0, length);
        generation.incrementAndGet();
        return true;
    }

    /** What it was when it was compared last. */
    byte[] compared() {
        return last;
    }

    /** What another host's driver saw last, and in which generation. */
    void restore(int newGeneration, byte[] content) {
        generation.set(newGeneration);
        System.arraycopy(content, 0, last, 0, length);
    }

    int length() {
        return length;
    }

    private int within(long offset, int size) {
        return offset < 0 || offset >= length ? 0 : (int) Math.min(size, length - offset);
    }

    long read(long offset, int size) {
        byte[] bytes = new byte[within(offset, size)];
        if (bytes.length > 0) {
            device.readConfig((int) offset, bytes);
        }
        long value = 0;
        for (int i = bytes.length; i-- > 0; ) {
            value = value << 8 | bytes[i] & 0xff;
        }
        return value;
    }

    void write(long offset, int size, long value) {
        byte[] bytes = new byte[within(offset, size)];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (value >>> 8 * i);
        }
        if (bytes.length > 0) {
            device.writeConfig((int) offset, bytes);
        }
    }
}
