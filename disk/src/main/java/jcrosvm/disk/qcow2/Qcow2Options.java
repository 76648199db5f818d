package jcrosvm.disk.qcow2;

import jcrosvm.disk.DiskException;
import org.jspecify.annotations.Nullable;

/**
 * What a new image is like.
 *
 * @param size the disk's length in bytes
 * @param version 2 (compat 0.10) or 3 (compat 1.1)
 * @param clusterSize bytes, a power of two from 512 to 2 MiB
 * @param refcountBits a power of two from 1 to 64; 16 in version 2
 * @param lazyRefcounts sets the feature bit that lets refcounts wait; version 3
 * @param backing the file it is a difference to, as it is to be found from the image's folder; or null
 * @param backingFormat the format of that file, such as {@code raw}
 */
public record Qcow2Options(
        long size,
        int version,
        int clusterSize,
        int refcountBits,
        boolean lazyRefcounts,
        @Nullable String backing,
        @Nullable String backingFormat) {
    /** Version 3, clusters of 64 KiB, refcounts of 16 bits, no backing file. */
    public static Qcow2Options ofSize(long size) {
        return new Qcow2Options(size, 3, 64 << 10, 16, false, null, null);
    }

    public Qcow2Options {
        if (version != 2 && version != 3) {
            throw new DiskException("qcow2 version " + version + " is not known, only 2 and 3 are");
        }
        if (Integer.bitCount(clusterSize) != 1 || clusterSize < 512 || clusterSize > 2 << 20) {
            throw new DiskException(
                    "cluster size " + clusterSize + " of a qcow2 image must be a power of two from 512 to 2097152");
        }
        if (Integer.bitCount(refcountBits) != 1 || refcountBits < 1 || refcountBits > 64) {
            throw new DiskException("refcount width " + refcountBits
                    + " of a qcow2 image must be one of 1, 2, 4, 8, 16, 32 and 64 bits");
        }
        if (version == 2 && (refcountBits != 16 || lazyRefcounts)) {
            throw new DiskException("version 2 of qcow2 has refcounts of 16 bits that are never lazy; use version 3");
        }
        if (size < 0) {
            throw new DiskException("a disk of " + size + " bytes cannot be");
        }
        if (backing != null
                && (backing.isEmpty()
                        || backing.getBytes(java.nio.charset.StandardCharsets.UTF_8).length
                                > Qcow2Spec.MAX_BACKING_NAME)) {
            throw new DiskException(
                    "the path of a backing file must have 1 to " + Qcow2Spec.MAX_BACKING_NAME + " bytes");
        }
        if (backing != null && (backingFormat == null || backingFormat.isEmpty())) {
            throw new DiskException("the format of backing file " + backing + " must be given, such as raw or qcow2");
        }
    }

    public Qcow2Options withBacking(String path, String format) {
        return new Qcow2Options(size, version, clusterSize, refcountBits, lazyRefcounts, path, format);
    }

    public Qcow2Options withVersion(int newVersion) {
        return new Qcow2Options(size, newVersion, clusterSize, refcountBits, lazyRefcounts, backing, backingFormat);
    }

    public Qcow2Options withClusterSize(int bytes) {
        return new Qcow2Options(size, version, bytes, refcountBits, lazyRefcounts, backing, backingFormat);
    }

    public Qcow2Options withRefcountBits(int bits) {
        return new Qcow2Options(size, version, clusterSize, bits, lazyRefcounts, backing, backingFormat);
    }

    public Qcow2Options withLazyRefcounts(boolean lazy) {
        return new Qcow2Options(size, version, clusterSize, refcountBits, lazy, backing, backingFormat);
    }
}
