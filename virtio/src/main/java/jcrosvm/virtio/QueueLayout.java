package jcrosvm.virtio;

/**
 * Where the driver put a ring; all guest physical.
 *
 * @param size entries: a power of two for a split ring, 1 to 32768
 * @param descriptors table of a split ring, or the packed ring itself
 * @param driver available ring, or the driver's event suppression structure
 * @param device used ring, or the device's event suppression structure
 */
public record QueueLayout(int size, long descriptors, long driver, long device) {}
