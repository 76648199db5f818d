package jcrosvm.virtio.transport;

import java.util.Optional;
import jcrosvm.base.io.EventFd;
import jcrosvm.virtio.QueueState;
import org.jspecify.annotations.Nullable;

/** One queue as its {@link DeviceSession} knows it; guarded by the session's lock. */
final class QueueRegisters {
    final int maxSize;
    final EventFd kick = new EventFd();
    private long descriptors;
    private long driver;
    private long device;
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
        return switch (area) {
            case DESCRIPTORS -> descriptors;
            case DRIVER -> driver;
            case DEVICE -> device;
        };
    }

    void address(QueueArea area, long value) {
        switch (area) {
            case DESCRIPTORS -> descriptors = value;
            case DRIVER -> driver = value;
            case DEVICE -> device = value;
        }
    }

    QueueRegistersState saved() {
        return new QueueRegistersState(size, descriptors, driver, device, enabled, Optional.ofNullable(state));
    }

    void restore(QueueRegistersState saved) {
        size = saved.size();
        descriptors = saved.descriptors();
        driver = saved.driver();
        device = saved.device();
        enabled = saved.enabled();
        state = saved.position().orElse(null);
    }

    /** As after a reset; it is not running. */
    void clear() {
        size = maxSize;
        descriptors = 0;
        driver = 0;
        device = 0;
        enabled = false;
        state = null;
    }
}
