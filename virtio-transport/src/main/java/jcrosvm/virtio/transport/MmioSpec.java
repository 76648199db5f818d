package jcrosvm.virtio.transport;

/** Registers of virtio over MMIO (virtio 1.3, 4.2.2); all of 32 bits, but for the configuration space. */
final class MmioSpec {
    static final int MAGIC_VALUE = 0x000;
    static final int VERSION = 0x004;
    static final int DEVICE_ID = 0x008;
    static final int VENDOR_ID = 0x00c;
    static final int DEVICE_FEATURES = 0x010;
    static final int DEVICE_FEATURES_SEL = 0x014;
    static final int DRIVER_FEATURES = 0x020;
    static final int DRIVER_FEATURES_SEL = 0x024;
    static final int QUEUE_SEL = 0x030;
    static final int QUEUE_SIZE_MAX = 0x034;
    static final int QUEUE_SIZE = 0x038;
    static final int QUEUE_READY = 0x044;
    static final int QUEUE_NOTIFY = 0x050;
    static final int INTERRUPT_STATUS = 0x060;
    static final int INTERRUPT_ACK = 0x064;
    static final int STATUS = 0x070;
    static final int QUEUE_DESC = 0x080;
    static final int QUEUE_DRIVER = 0x090;
    static final int QUEUE_DEVICE = 0x0a0;
    static final int HIGH = 4;
    static final int SHM_SEL = 0x0ac;
    static final int SHM_LEN = 0x0b0;
    static final int SHM_BASE = 0x0b8;
    static final int QUEUE_RESET = 0x0c0;
    static final int CONFIG_GENERATION = 0x0fc;
    static final int CONFIG = 0x100;

    static final int MAGIC = 0x74726976; // "virt"
    static final int VERSION_MODERN = 2;
    static final int VENDOR = 0x1af4;

    static final int INTERRUPT_USED = 1;
    static final int INTERRUPT_CONFIG = 2;

    private MmioSpec() {}
}
