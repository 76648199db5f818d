package jcrosvm.devices.block;

/** Numbers of the block device (virtio 1.3, 5.2). */
final class BlockSpec {
    static final int DEVICE_TYPE = 2;

    /** Unit of all addresses and lengths, whatever the block size. */
    static final int SECTOR = 512;

    // Feature bits (5.2.3)
    static final long VIRTIO_BLK_F_SEG_MAX = 1L << 2;
    static final long VIRTIO_BLK_F_RO = 1L << 5;
    static final long VIRTIO_BLK_F_BLK_SIZE = 1L << 6;
    static final long VIRTIO_BLK_F_FLUSH = 1L << 9;
    static final long VIRTIO_BLK_F_TOPOLOGY = 1L << 10;
    static final long VIRTIO_BLK_F_CONFIG_WCE = 1L << 11;
    static final long VIRTIO_BLK_F_MQ = 1L << 12;
    static final long VIRTIO_BLK_F_DISCARD = 1L << 13;
    static final long VIRTIO_BLK_F_WRITE_ZEROES = 1L << 14;

    // Requests (5.2.6)
    static final int VIRTIO_BLK_T_IN = 0;
    static final int VIRTIO_BLK_T_OUT = 1;
    static final int VIRTIO_BLK_T_FLUSH = 4;
    static final int VIRTIO_BLK_T_GET_ID = 8;
    static final int VIRTIO_BLK_T_DISCARD = 11;
    static final int VIRTIO_BLK_T_WRITE_ZEROES = 13;

    static final int VIRTIO_BLK_S_OK = 0;
    static final int VIRTIO_BLK_S_IOERR = 1;
    static final int VIRTIO_BLK_S_UNSUPP = 2;

    /** struct virtio_blk_req up to its data. */
    static final int REQUEST_HEADER = 16;

    /** struct virtio_blk_discard_write_zeroes. */
    static final int RANGE = 16;

    static final int RANGE_FLAG_UNMAP = 1;

    // struct virtio_blk_config (5.2.4)
    static final int CONFIG_CAPACITY = 0;
    static final int CONFIG_SEG_MAX = 12;
    static final int CONFIG_BLK_SIZE = 20;
    static final int CONFIG_PHYSICAL_BLOCK_EXP = 24;
    static final int CONFIG_MIN_IO_SIZE = 26;
    static final int CONFIG_WRITEBACK = 32;
    static final int CONFIG_NUM_QUEUES = 34;
    static final int CONFIG_MAX_DISCARD_SECTORS = 36;
    static final int CONFIG_MAX_DISCARD_SEG = 40;
    static final int CONFIG_DISCARD_SECTOR_ALIGNMENT = 44;
    static final int CONFIG_MAX_WRITE_ZEROES_SECTORS = 48;
    static final int CONFIG_MAX_WRITE_ZEROES_SEG = 52;
    static final int CONFIG_WRITE_ZEROES_MAY_UNMAP = 56;
    static final int CONFIG_LENGTH = 60;

    // What this device takes
    static final int MAX_QUEUES = 16;
    static final int QUEUE_SIZE = 256;

    /** Header and status take a descriptor each. */
    static final int SEG_MAX = QUEUE_SIZE - 2;

    /** Longest data of a request: more than any driver asks for at once, and soon enough over. */
    static final long MAX_DATA = 1L << 30;

    static final int MAX_DISCARD_SECTORS = 1 << 21;
    static final int MAX_DISCARD_SEG = 32;
    /** Zeros may have to be written out: 64 MiB do not keep others waiting for long. */
    static final int MAX_WRITE_ZEROES_SECTORS = 1 << 17;

    static final int MAX_WRITE_ZEROES_SEG = 1;

    private BlockSpec() {}
}
