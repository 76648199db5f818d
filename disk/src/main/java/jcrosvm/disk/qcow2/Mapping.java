package jcrosvm.disk.qcow2;

/** Where a range of the disk is: the answer of {@link ClusterMap#find}, made once per thread and used again. */
final class Mapping {
    /** What a cluster is. */
    enum Kind {
        /** Not in the image: the backing file's content, or zeros. */
        UNALLOCATED,
        /** Zeros, with or without a cluster that is kept for it. */
        ZERO,
        DATA,
        COMPRESSED
    }

    Kind kind = Kind.UNALLOCATED;
    /** Bytes, from the asked offset on, that are of this kind and whose clusters lie together in the file. */
    long length;
    /** Position in the file of the first byte, where there is a cluster; otherwise 0. */
    long host;
    /** The L2 entry of the first cluster. */
    long entry;

    /** Whether data may be written in place, or into the cluster that is kept. */
    boolean copied() {
        return host != 0 && (entry & Qcow2Spec.COPIED) != 0;
    }
}
