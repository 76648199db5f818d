package jcrosvm.virtio.transport;

import java.util.Optional;
import jcrosvm.base.Limits;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueState;

/**
 * The registers of one queue, as its driver wrote them: they are checked when the queue starts.
 *
 * @param size entries
 * @param descriptors guest address of the descriptor area
 * @param driver guest address of the driver area
 * @param device guest address of the device area
 * @param enabled whether the device may use it
 * @param position where the device stands in it; empty: at its beginning
 */
public record QueueRegistersState(
        int size, long descriptors, long driver, long device, boolean enabled, Optional<QueueState> position) {
    private static final int LARGEST_POSITION = 0xffff;

    public QueueRegistersState {
        if (position.isPresent()) {
            if (!enabled) {
                throw new IllegalArgumentException("a queue that is not enabled has no position");
            }
            Limits.range("the available position", position.get().available(), 0, LARGEST_POSITION);
            Limits.range("the used position", position.get().used(), 0, LARGEST_POSITION);
        }
    }

    QueueLayout layout() {
        return new QueueLayout(size, descriptors, driver, device);
    }
}
