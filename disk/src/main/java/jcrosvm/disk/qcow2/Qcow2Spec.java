package jcrosvm.disk.qcow2;

/** Numbers of the format (QEMU, docs/interop/qcow2.txt), and the limits that keep memory bounded. */
interface Qcow2Spec {
    int MAGIC = 0x5146_49fb;
    int V2_HEADER = 72;
    int V3_HEADER = 104;

    // Positions in the header.
    int SIZE = 24;
    int L1_SIZE_AND_OFFSET = 36;
    int REFCOUNT_TABLE_OFFSET = 48;
    int SNAPSHOTS = 60;
    int INCOMPATIBLE = 72;
    int COMPATIBLE = 80;
    int AUTOCLEAR = 88;
    int REFCOUNT_ORDER = 96;
    int HEADER_LENGTH = 100;
    int COMPRESSION_TYPE = 104;

    long INCOMPATIBLE_DIRTY = 1;
    long INCOMPATIBLE_CORRUPT = 2;
    long INCOMPATIBLE_DATA_FILE = 4;
    long INCOMPATIBLE_COMPRESSION = 8;
    long INCOMPATIBLE_EXTENDED_L2 = 16;
    long COMPATIBLE_LAZY_REFCOUNTS = 1;
    long AUTOCLEAR_BITMAPS = 1;

    int EXTENSION_END = 0;
    int EXTENSION_BACKING_FORMAT = 0xe279_2aca;
    int EXTENSION_FEATURE_NAMES = 0x6803_f857;
    int EXTENSION_BITMAPS = 0x2385_2875;

    int MIN_CLUSTER_BITS = 9;
    int MAX_CLUSTER_BITS = 21;
    int MAX_REFCOUNT_ORDER = 6;
    int COMPRESSION_ZLIB = 0;
    int COMPRESSION_ZSTD = 1;

    /** Of L1 and L2 entries: the cluster's refcount is exactly one, it may be written in place. */
    long COPIED = 1L << 63;
    /** Of L2 entries. */
    long COMPRESSED = 1L << 62;
    /** Of L2 entries of version 3: reads as zeros, whether or not there is a cluster. */
    long ZERO = 1;
    /** Of L1 and L2 entries: where the cluster is. */
    long OFFSET = 0x00ff_ffff_ffff_fe00L;
    /** What must be zero in entries. */
    long L1_RESERVED = 0x7f00_0000_0000_01ffL;

    long L2_RESERVED = 0x3f00_0000_0000_01feL;

    int SECTOR = 512;

    /** The longest tables, as in QEMU. */
    long MAX_L1_BYTES = 32 << 20;

    long MAX_REFCOUNT_TABLE_BYTES = 8 << 20;
    int MAX_SNAPSHOTS = 65536;
    long MAX_SNAPSHOT_TABLE_BYTES = 64 << 20;
    int MAX_SNAPSHOT_EXTRA = 1024;
    int MAX_BACKING_NAME = 1023;
}
