package jcrosvm.virtio.transport;

import jcrosvm.base.Limits;

/**
 * The registers that choose what other registers show.
 *
 * @param deviceFeatures word of the features offered
 * @param driverFeatures word of the features taken
 * @param queue number of a queue
 * @param sharedMemory id of a region; 0 for a PCI function, which has no such register
 */
public record SelectorsState(int deviceFeatures, int driverFeatures, int queue, int sharedMemory) {
    /** As after a reset. */
    static final SelectorsState NONE = new SelectorsState(0, 0, 0, 0);

    /** @throws IllegalArgumentException unless a PCI function can have these */
    void requirePci() {
        Limits.range("the queue selector", queue, 0, 0xffff);
        Limits.range("the shared memory selector", sharedMemory, 0, 0);
    }
}
