package jcrosvm.virtio.transport;

import java.util.Arrays;
import jcrosvm.base.io.EventFd;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueState;
import org.jspecify.annotations.Nullable;

/** One queue as its {@link DeviceSession} knows it; guarded by the session's lock. */
final class QueueRegisters {
    final int maxSize;
    final EventFd kick = new EventFd();
    private final long[] addresses = new long[QueueArea.values().length];
    int size;
    boolean enabled;
    boolean running;
    /** Where it stood when it was suspended; null: at its beginning. */
    @Nullable
    QueueState state;

    QueueRegisters(int maxSize) {
        this.maxSize = maxSize;
        size = maxSize;
    }

    long address(QueueArea area) {
        return addresses[area.ordinal()];
    }

    void address(QueueArea area, long value) {
        addresses[area.ordinal()] = value;
    }

    QueueLayout layout() {
        return new QueueLayout(
                size, address(QueueArea.DESCRIPTORS), address(QueueArea.DRIVER), address(QueueArea.DEVICE));
    }

    /** As after a reset; it is not running. */
    void clear() {
        size = maxSize;
        Arrays.fill(addresses, 0);
        enabled = false;
        state = null;
    }
}
