package jcrosvm.disk.qcow2;

/**
 * What follows from the size of clusters and refcounts.
 *
 * @param clusterBits logarithm of the cluster size in bytes
 * @param refcountOrder logarithm of the refcount width in bits
 */
record Geometry(int clusterBits, int refcountOrder) {
    long clusterSize() {
        return 1L << clusterBits;
    }

    /** Logarithm of the entries of an L2 table. */
    int l2Bits() {
        return clusterBits - 3;
    }

    /** Logarithm of the guest bytes behind an L1 entry. */
    int l1Shift() {
        return clusterBits + l2Bits();
    }

    /** Logarithm of the entries of a refcount block. */
    int refcountBlockBits() {
        return clusterBits + 3 - refcountOrder;
    }

    /** The largest refcount. */
    long maxRefcount() {
        return refcountOrder == 6 ? Long.MAX_VALUE : (1L << (1 << refcountOrder)) - 1;
    }

    long clusters(long bytes) {
        return bytes + clusterSize() - 1 >>> clusterBits;
    }

    long roundUp(long bytes) {
        return clusters(bytes) << clusterBits;
    }

    long offsetInCluster(long offset) {
        return offset & clusterSize() - 1;
    }

    /** L1 entries that a disk of this many bytes needs. */
    long l1Entries(long diskSize) {
        long span = 1L << l1Shift();
        return diskSize / span + (diskSize % span == 0 ? 0 : 1);
    }

    /** Bits of a compressed cluster's L2 entry that hold its position. */
    private int compressedOffsetBits() {
        return 62 - (clusterBits - 8);
    }

    long compressedOffset(long entry) {
        return entry & (1L << compressedOffsetBits()) - 1;
    }

    /** Bytes that a compressed cluster may take, from its position to the end of its last sector. */
    int compressedLength(long entry) {
        int sectors = (int) ((entry & ~(Qcow2Spec.COPIED | Qcow2Spec.COMPRESSED)) >>> compressedOffsetBits()) + 1;
        return sectors * Qcow2Spec.SECTOR - (int) (compressedOffset(entry) & Qcow2Spec.SECTOR - 1);
    }
}
