package jcrosvm.virtio.transport;

import java.util.EnumMap;
import java.util.Map;
import jcrosvm.base.io.EventFd;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueState;
import org.jspecify.annotations.Nullable;

/** One queue as its {@link DeviceSession} knows it; guarded by the session's lock. */
final class QueueRegisters {
    final int maxSize;
    final EventFd kick = new EventFd();
    private final Map<QueueArea, Long> addresses = new EnumMap<>(QueueArea.class);
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
        return addresses.getOrDefault(area, 0L);
    }

    void address(QueueArea area, long value) {
        addresses.put(area, value);
    }

    QueueLayout layout() {
        return new QueueLayout(
                size, address(QueueArea.DESCRIPTORS), address(QueueArea.DRIVER), address(QueueArea.DEVICE));
    }

    /** As after a reset; it is not running. */
    void clear() {
        size = maxSize;
        addresses.clear();
        enabled = false;
        state = null;
    }
}
