package jcrosvm.virtio.transport;

/** The three parts of a virtqueue whose addresses a driver sets (virtio 1.3, 2.6). */
public enum QueueArea {
    DESCRIPTORS,
    DRIVER,
    DEVICE
}
