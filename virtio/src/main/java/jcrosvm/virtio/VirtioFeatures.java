package jcrosvm.virtio;

/** Feature bits that belong to no device (virtio 1.3, 6). */
public final class VirtioFeatures {
    public static final long VIRTIO_F_INDIRECT_DESC = 1L << 28;
    public static final long VIRTIO_F_EVENT_IDX = 1L << 29;
    public static final long VIRTIO_F_VERSION_1 = 1L << 32;
    /** The driver reaches memory through the platform's DMA interface; nothing changes for a device that sees it all. */
    public static final long VIRTIO_F_ACCESS_PLATFORM = 1L << 33;

    public static final long VIRTIO_F_RING_PACKED = 1L << 34;
    public static final long VIRTIO_F_IN_ORDER = 1L << 35;
    /** A queue can be reset alone; offered where a device's traits have it. */
    public static final long VIRTIO_F_RING_RESET = 1L << 40;

    /** What the rings of this implementation can do for every device; the packed layout only where a device asks. */
    public static final long RINGS = VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1;

    private VirtioFeatures() {}
}
