package jcrosvm.virtio;

import java.util.List;

/**
 * What a device is and can do; never changes.
 *
 * @param type device type number (virtio 1.3, 5)
 * @param features the device's own feature bits, and VIRTIO_F_RING_PACKED or VIRTIO_F_IN_ORDER where it wants them; the
 *     other common bits are the transport's business
 * @param rings which of {@link VirtioFeatures#RINGS} it can do; all of them, unless it works on rings by other code
 * @param queueSizes the largest size of each queue, powers of two
 * @param configLength bytes of configuration space
 * @param sharedMemory regions in which the device shows files to its driver ({@link DeviceHost#sharedMemory})
 * @param localOnly whether it must be in the VM's own process
 * @param unsavable why the device's state cannot be saved, as in "its ports are open streams"; empty when it can
 */
public record DeviceTraits(
        int type,
        long features,
        long rings,
        List<Integer> queueSizes,
        int configLength,
        List<SharedMemoryRegion> sharedMemory,
        boolean localOnly,
        String unsavable) {
    public DeviceTraits {
        queueSizes = List.copyOf(queueSizes);
        sharedMemory = List.copyOf(sharedMemory);
        for (int size : queueSizes) {
            if (Integer.bitCount(size) != 1 || size > 32768) {
                throw new IllegalArgumentException("queue size " + size);
            }
        }
    }

    /** A device that works on its rings by {@link Virtqueue}, as all do that are not told otherwise. */
    public DeviceTraits(
            int type,
            long features,
            List<Integer> queueSizes,
            int configLength,
            List<SharedMemoryRegion> sharedMemory,
            boolean localOnly,
            String unsavable) {
        this(type, features, VirtioFeatures.RINGS, queueSizes, configLength, sharedMemory, localOnly, unsavable);
    }

    /** A device without shared memory that may live anywhere, and can be saved. */
    public DeviceTraits(int type, long features, List<Integer> queueSizes, int configLength) {
        this(type, features, queueSizes, configLength, List.of(), false, "");
    }

    /** The same for a device that can do so much with rings. */
    public DeviceTraits withRings(long bits) {
        return new DeviceTraits(type, features, bits, queueSizes, configLength, sharedMemory, localOnly, unsavable);
    }

    /** The same for a device that cannot be saved. */
    public DeviceTraits unsavable(String reason) {
        return new DeviceTraits(type, features, rings, queueSizes, configLength, sharedMemory, localOnly, reason);
    }

    /**
     * A shared memory region (virtio 1.3, 2.10).
     *
     * @param id shmid
     * @param length bytes, a power of two
     */
    public record SharedMemoryRegion(int id, long length) {}
}
