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
    private byte[] last;
    private byte[] now;

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

    void compare() {
        device.readConfig(0, now);
        if (!Arrays.equals(now, last)) {
            byte[] spare = last;
            last = now;
            now = spare;
            generation.incrementAndGet();
        }
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
