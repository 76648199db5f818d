package jcrosvm.disk.qcow2;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.disk.DiskException;
import org.jspecify.annotations.Nullable;

/**
 * The header and its extensions as they were read, checked against the file's length.
 *
 * @param size the disk's length in bytes
 * @param l1Size entries
 * @param backing what the image is a difference to, as it is written there; or null
 * @param backingFormat or null where the image does not say it
 * @param bitmaps where dirty bitmaps are listed, or null
 */
record Qcow2Header(
        int version,
        Geometry geometry,
        long size,
        int l1Size,
        long l1Offset,
        long refcountTableOffset,
        int refcountTableClusters,
        int snapshotCount,
        long snapshotsOffset,
        long incompatible,
        long compatible,
        long autoclear,
        int compressionType,
        @Nullable String backing,
        @Nullable String backingFormat,
        @Nullable BitmapDirectory bitmaps) {

    /**
     * The bitmaps extension.
     *
     * @param size bytes of the directory
     */
    record BitmapDirectory(int count, long size, long offset) {}

    /** @throws DiskException when it is none of ours, or asks for something that is not there */
    static Qcow2Header read(Qcow2File file) {
        long length = file.length();
        ByteBuffer b = bytes(file, 0, (int) Math.min(Math.max(length, 0), 4096));
        if (length < Qcow2Spec.V2_HEADER || b.getInt(0) != Qcow2Spec.MAGIC) {
            throw file.unusable("is no qcow2 image: the magic number is missing");
        }
        int version = b.getInt(4);
        if (version != 2 && version != 3) {
            throw file.unusable(
                    "has version " + Integer.toUnsignedString(version) + ", which is not known; only 2 and 3 are");
        }
        if (version == 3 && length < Qcow2Spec.V3_HEADER) {
            throw file.damaged("is cut off within its header");
        }
        int clusterBits = b.getInt(20);
        if (clusterBits < Qcow2Spec.MIN_CLUSTER_BITS || clusterBits > Qcow2Spec.MAX_CLUSTER_BITS) {
            throw file.damaged("has clusters of 2^" + Integer.toUnsignedString(clusterBits)
                    + " bytes, not between 512 bytes and 2 MiB");
        }
        int headerLength = version == 2 ? Qcow2Spec.V2_HEADER : b.getInt(Qcow2Spec.HEADER_LENGTH);
        if (version == 3
                && (headerLength < Qcow2Spec.V3_HEADER || headerLength > 1 << clusterBits || headerLength % 8 != 0)) {
            throw file.damaged("has a header that claims " + Integer.toUnsignedString(headerLength) + " bytes");
        }
        Geometry geometry = new Geometry(clusterBits, version == 2 ? 4 : b.getInt(Qcow2Spec.REFCOUNT_ORDER));
        if (geometry.refcountOrder() < 0 || geometry.refcountOrder() > Qcow2Spec.MAX_REFCOUNT_ORDER) {
            throw file.damaged("has refcounts of 2^" + Integer.toUnsignedString(geometry.refcountOrder()) + " bits");
        }
        long backingOffset = b.getLong(8);
        int backingLength = b.getInt(16);
        long extensionsEnd = geometry.clusterSize();
        if (backingOffset != 0) {
            if (backingLength < 0
                    || backingLength > Qcow2Spec.MAX_BACKING_NAME
                    || backingOffset < headerLength
                    || backingOffset > geometry.clusterSize() - backingLength) {
                throw file.damaged("has the name of its backing file outside of the first cluster");
            }
            extensionsEnd = backingOffset;
        }
        Extensions extensions = Extensions.read(file, headerLength, extensionsEnd);
        long incompatible = version == 2 ? 0 : b.getLong(Qcow2Spec.INCOMPATIBLE);
        boolean typed = (incompatible & Qcow2Spec.INCOMPATIBLE_COMPRESSION) != 0;
        int compression = headerLength > Qcow2Spec.COMPRESSION_TYPE ? b.get(Qcow2Spec.COMPRESSION_TYPE) & 0xff : 0;
        refuse(file, b.getInt(32), incompatible, typed ? compression : 0, extensions);
        String name = backingOffset == 0 || backingLength == 0
                ? null
                : Extensions.text(bytes(file, backingOffset, backingLength));
        Qcow2Header header = new Qcow2Header(
                version,
                geometry,
                b.getLong(Qcow2Spec.SIZE),
                b.getInt(Qcow2Spec.L1_SIZE_AND_OFFSET),
                b.getLong(Qcow2Spec.L1_SIZE_AND_OFFSET + 4),
                b.getLong(Qcow2Spec.REFCOUNT_TABLE_OFFSET),
                b.getInt(Qcow2Spec.REFCOUNT_TABLE_OFFSET + 8),
                b.getInt(Qcow2Spec.SNAPSHOTS),
                b.getLong(Qcow2Spec.SNAPSHOTS + 4),
                incompatible,
                version == 2 ? 0 : b.getLong(Qcow2Spec.COMPATIBLE),
                version == 2 ? 0 : b.getLong(Qcow2Spec.AUTOCLEAR),
                compression,
                name,
                extensions.backingFormat,
                extensions.bitmaps);
        header.validate(file, length);
        return header;
    }

    private static void refuse(
            Qcow2File file, int encryption, long incompatible, int compression, Extensions extensions) {
        if (encryption != 0) {
            throw file.unusable("has " + (encryption == 2 ? "LUKS" : "AES")
                    + " encryption, which is not supported; decrypt it" + " with qemu-img convert");
        }
        if ((incompatible & Qcow2Spec.INCOMPATIBLE_DATA_FILE) != 0) {
            throw file.unusable(
                    "has an external data file, which is not supported; make one file of it with qemu-img convert");
        }
        if ((incompatible & Qcow2Spec.INCOMPATIBLE_EXTENDED_L2) != 0) {
            throw file.unusable("has extended L2 entries (subclusters), which are not supported; qemu-img convert makes"
                    + " an image without them");
        }
        if (compression > Qcow2Spec.COMPRESSION_ZSTD) {
            throw file.unusable(
                    "has compression type " + compression + ", which is not known; only zlib (0) and zstd (1) are");
        }
        long known = Qcow2Spec.INCOMPATIBLE_DIRTY | Qcow2Spec.INCOMPATIBLE_CORRUPT | Qcow2Spec.INCOMPATIBLE_COMPRESSION;
        long unknown = incompatible & ~known;
        if (unknown != 0) {
            List<String> names = new ArrayList<>();
            for (int bit = 0; bit < 64; bit++) {
                if ((unknown >>> bit & 1) != 0) {
                    names.add(extensions.incompatibleName(bit));
                }
            }
            throw file.unusable("uses features that are not supported: " + String.join(", ", names));
        }
    }

    private void validate(Qcow2File file, long length) {
        if (size < 0) {
            throw file.damaged("has a disk that claims " + Long.toUnsignedString(size) + " bytes");
        }
        long needed = geometry.l1Entries(size);
        if (needed > Qcow2Spec.MAX_L1_BYTES / 8) {
            throw file.unusable(
                    "has a disk of " + size + " bytes, too long for clusters of " + geometry.clusterSize() + " bytes");
        }
        if (l1Size < 0 || 8L * l1Size > Qcow2Spec.MAX_L1_BYTES || l1Size < needed) {
            throw file.damaged(
                    "has an L1 table with " + Integer.toUnsignedString(l1Size) + " entries, and needs " + needed);
        }
        table(file, "L1 table", l1Offset, 8L * l1Size, length);
        long table = (long) refcountTableClusters << geometry.clusterBits();
        if (refcountTableClusters <= 0
                || table > Math.max(Qcow2Spec.MAX_REFCOUNT_TABLE_BYTES, geometry.clusterSize())) {
            throw file.damaged("has a refcount table that claims " + Integer.toUnsignedString(refcountTableClusters)
                    + " clusters");
        }
        table(file, "refcount table", refcountTableOffset, table, length);
        if (snapshotCount < 0 || snapshotCount > Qcow2Spec.MAX_SNAPSHOTS) {
            throw file.damaged("claims " + Integer.toUnsignedString(snapshotCount) + " snapshots");
        }
        if (snapshotCount > 0) {
            table(file, "snapshot table", snapshotsOffset, 40L * snapshotCount, length);
        }
    }

    /** A table must begin at a cluster, outside of the header, within the file. */
    private void table(Qcow2File file, String name, long offset, long bytes, long length) {
        if (bytes == 0) {
            return;
        }
        if (offset <= 0 || geometry.offsetInCluster(offset) != 0 || offset > length - Math.min(bytes, length)) {
            throw file.damaged("has its " + name + " of " + bytes + " bytes at " + Long.toUnsignedString(offset)
                    + ", not within the file of " + length + " bytes");
        }
    }

    boolean has(long incompatibleBit) {
        return (incompatible & incompatibleBit) != 0;
    }

    static ByteBuffer bytes(Qcow2File file, long position, int length) {
        byte[] bytes = new byte[Math.max(length, 0)];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment segment = arena.allocate(Math.max(length, 1), 8);
            file.read(segment, position);
            MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, 0, bytes, 0, bytes.length);
        }
        return ByteBuffer.wrap(bytes);
    }
}
