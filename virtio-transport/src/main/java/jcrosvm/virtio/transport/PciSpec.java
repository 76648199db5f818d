package jcrosvm.virtio.transport;

/** Numbers of virtio over PCI (virtio 1.3, 4.1). */
final class PciSpec {
    static final int VENDOR = 0x1af4;
    /** Device ids are this and the device type. */
    static final int FIRST_DEVICE = 0x1040;

    static final int REVISION = 1;

    static final int VIRTIO_PCI_CAP_COMMON_CFG = 1;
    static final int VIRTIO_PCI_CAP_NOTIFY_CFG = 2;
    static final int VIRTIO_PCI_CAP_ISR_CFG = 3;
    static final int VIRTIO_PCI_CAP_DEVICE_CFG = 4;
    static final int VIRTIO_PCI_CAP_PCI_CFG = 5;
    static final int VIRTIO_PCI_CAP_SHARED_MEMORY_CFG = 8;

    static final int VIRTIO_MSI_NO_VECTOR = 0xffff;

    // struct virtio_pci_common_cfg
    static final int DEVICE_FEATURE_SELECT = 0x00;
    static final int DEVICE_FEATURE = 0x04;
    static final int DRIVER_FEATURE_SELECT = 0x08;
    static final int DRIVER_FEATURE = 0x0c;
    static final int CONFIG_MSIX_VECTOR = 0x10;
    static final int NUM_QUEUES = 0x12;
    static final int DEVICE_STATUS = 0x14;
    static final int CONFIG_GENERATION = 0x15;
    static final int QUEUE_SELECT = 0x16;
    static final int QUEUE_SIZE = 0x18;
    static final int QUEUE_MSIX_VECTOR = 0x1a;
    static final int QUEUE_ENABLE = 0x1c;
    static final int QUEUE_NOTIFY_OFF = 0x1e;
    static final int QUEUE_DESC = 0x20;
    static final int QUEUE_DRIVER = 0x28;
    static final int QUEUE_DEVICE = 0x30;
    static final int COMMON_SIZE = 0x38;

    static final int ISR_QUEUE = 1;
    static final int ISR_CONFIG = 2;

    private PciSpec() {}

    /** PCI class code of a device type, as crosvm's. */
    static int classCode(int type) {
        return switch (type) {
            case 1, 9, 19 -> 0x028000; // net, 9p, vsock
            case 2, 26 -> 0x018000; // block, fs
            case 3 -> 0x078000; // console
            case 8 -> 0x010000; // scsi
            case 16 -> 0x038000; // gpu
            case 18 -> 0x098000; // input
            case 23 -> 0x080600; // iommu
            case 25 -> 0x040100; // sound
            case 27 -> 0x010800; // pmem
            default -> 0x088000;
        };
    }
}
