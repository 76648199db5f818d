package jcrosvm.disk.qcow2;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import jcrosvm.base.io.IoVec;

/**
 * Follows every reference of an image and counts. Bounded for any image: a table that is referred to many times is read
 * once.
 */
final class ReferenceWalk {
    private static final ValueLayout.OfLong BIG = ValueLayout.JAVA_LONG.withOrder(ByteOrder.BIG_ENDIAN);
    /** L2 tables of the disk and all snapshots together. */
    private static final int MOST_TABLES = 8 << 20;

    /** Entries of L1 tables and tables of bitmaps. */
    private static final long MOST_ENTRIES = 64L << 20;

    private static final int BITMAP_ENTRY = 24;

    private final Qcow2File file;
    private final Qcow2Header header;
    private final Geometry geometry;
    private final long fileEnd;
    final References references;
    private final MemorySegment table;
    private final IoVec list = new IoVec(1);
    private long[] l2Tables = new long[64];
    private int l2Count;
    private long scanned;
    private long corruptions;
    private long clusters;

    ReferenceWalk(Qcow2File file, Qcow2Header header) {
        this.file = file;
        this.header = header;
        geometry = header.geometry();
        references = new References(file);
        table = Arena.ofAuto().allocate(geometry.clusterSize(), 8);
        // The last cluster need not be there as a whole.
        fileEnd = geometry.roundUp(file.length());
    }

    /** References that cannot be: misaligned, outside of the file, or with bits that must be zero. */
    long corruptions() {
        return corruptions;
    }

    /** Clusters of the disk that are in the file. */
    long clusters() {
        return clusters;
    }

    /** Counts everything but the refcounts' own clusters. */
    void run() {
        addRange(0, geometry.clusterSize(), 1);
        addTable(header.l1Offset(), header.l1Size());
        collect(header.l1Offset(), header.l1Size());
        List<Snapshot> snapshots = Snapshot.readAll(file, header);
        if (!snapshots.isEmpty()) {
            addRange(header.snapshotsOffset(), snapshots.getLast().end() - header.snapshotsOffset(), 1);
        }
        for (Snapshot s : snapshots) {
            addTable(s.l1Offset(), s.l1Size());
            collect(s.l1Offset(), s.l1Size());
        }
        walkTables();
        if ((header.autoclear() & Qcow2Spec.AUTOCLEAR_BITMAPS) != 0 && header.bitmaps() != null) {
            addBitmaps(header.bitmaps());
        }
    }

    /** Counts the refcount table and its blocks. */
    void addRefcounts(long[] blocks) {
        addRange(header.refcountTableOffset(), (long) header.refcountTableClusters() << geometry.clusterBits(), 1);
        for (long block : blocks) {
            if (block != 0) {
                addCluster(block, 1);
            }
        }
    }

    private void addTable(long offset, int entries) {
        scanned += entries;
        if (scanned > MOST_ENTRIES) {
            throw file.unusable("has too many snapshots or bitmaps to be checked here; use qemu-img check");
        }
        if (entries > 0) {
            addRange(offset, 8L * entries, 1);
        }
    }

    private void addCluster(long offset, int count) {
        if (geometry.offsetInCluster(offset) != 0) {
            corruptions++;
        } else {
            addRange(offset, geometry.clusterSize(), count);
        }
    }

    private void addRange(long offset, long bytes, int count) {
        if (bytes <= 0) {
            return;
        }
        if (offset < 0 || bytes > fileEnd || offset > fileEnd - bytes) {
            corruptions++;
            return;
        }
        long last = offset + bytes - 1 >>> geometry.clusterBits();
        for (long c = offset >>> geometry.clusterBits(); c <= last; c++) {
            references.add(c, count);
        }
    }

    private void collect(long offset, int entries) {
        for (long entry : HeaderFields.readTable(file, offset, entries)) {
            if (entry == 0) {
                continue;
            }
            if (l2Count == MOST_TABLES) {
                throw file.unusable("has too many snapshots to be checked here; use qemu-img check");
            }
            if ((entry & Qcow2Spec.L1_RESERVED) != 0) {
                corruptions++;
            }
            if (l2Count == l2Tables.length) {
                file.reserve(16L * l2Count);
                l2Tables = Arrays.copyOf(l2Tables, 2 * l2Count);
                file.reserve(-8L * (l2Count == 64 ? 0 : l2Count));
            }
            l2Tables[l2Count++] = entry & Qcow2Spec.OFFSET;
        }
    }

    private void walkTables() {
        Arrays.sort(l2Tables, 0, l2Count);
        for (int i = 0; i < l2Count; ) {
            long offset = l2Tables[i];
            int count = 1;
            while (i + count < l2Count && l2Tables[i + count] == offset) {
                count++;
            }
            i += count;
            addCluster(offset, count);
            if (geometry.offsetInCluster(offset) == 0 && offset < fileEnd) {
                walkTable(read(offset), count);
            }
        }
    }

    /** The cluster at an offset; good until the next call. */
    MemorySegment read(long offset) {
        list.clear();
        list.add(table, 0, table.byteSize());
        file.read(offset, list);
        return table;
    }

    private void walkTable(MemorySegment entries, int count) {
        long size = geometry.clusterSize();
        for (long at = 0; at < size; at += 8) {
            long entry = entries.get(BIG, at);
            if ((entry & Qcow2Spec.COMPRESSED) != 0) {
                if ((entry & Qcow2Spec.COPIED) != 0) {
                    corruptions++;
                }
                clusters += count;
                long from = geometry.compressedOffset(entry);
                // The last sector may lie behind the end of the file.
                long length = Math.min(geometry.compressedLength(entry), Math.max(1, fileEnd - from));
                addRange(from, length, count);
                continue;
            }
            long reserved = header.version() >= 3 ? Qcow2Spec.L2_RESERVED : Qcow2Spec.L2_RESERVED | Qcow2Spec.ZERO;
            if ((entry & reserved) != 0) {
                corruptions++;
            }
            if ((entry & Qcow2Spec.OFFSET) != 0) {
                clusters += count;
                addCluster(entry & Qcow2Spec.OFFSET, count);
            }
        }
    }

    private void addBitmaps(Qcow2Header.BitmapDirectory directory) {
        long size = directory.size();
        if (size < 0 || size > Qcow2Spec.MAX_SNAPSHOT_TABLE_BYTES || directory.offset() < 0) {
            corruptions++;
            return;
        }
        addRange(directory.offset(), size, 1);
        ByteBuffer b = Qcow2Header.bytes(file, directory.offset(), (int) size);
        for (int at = 0, i = 0; i < directory.count() && at + BITMAP_ENTRY <= size; i++) {
            long tableOffset = b.getLong(at);
            int entries = b.getInt(at + 8);
            int name = b.getShort(at + 18) & 0xffff;
            int extra = b.getInt(at + 20);
            if (entries < 0 || 8L * entries > Qcow2Spec.MAX_L1_BYTES || extra < 0 || extra > size) {
                corruptions++;
                return;
            }
            addTable(tableOffset, entries);
            if (tableOffset >= 0 && tableOffset < fileEnd) {
                for (long entry : HeaderFields.readTable(file, tableOffset, entries)) {
                    if ((entry & Qcow2Spec.OFFSET) != 0) {
                        addCluster(entry & Qcow2Spec.OFFSET, 1);
                    }
                }
            }
            at += BITMAP_ENTRY + name + extra + 7 & -8;
        }
    }

    /** The flag that entries of the disk's own tables should have: whether a cluster's references are exactly one. */
    interface Copied {
        boolean alone(long cluster);
    }

    /**
     * Looks at the COPIED flags of the disk's own tables, and sets them right if asked.
     *
     * @return entries that were wrong
     */
    long copiedFlags(Copied copied, boolean fix) {
        long wrong = 0;
        long[] l1 = HeaderFields.readTable(file, header.l1Offset(), header.l1Size());
        for (int i = 0; i < l1.length; i++) {
            long offset = l1[i] & Qcow2Spec.OFFSET;
            if (offset == 0 || geometry.offsetInCluster(offset) != 0 || offset >= fileEnd) {
                continue;
            }
            boolean alone = copied.alone(offset >>> geometry.clusterBits());
            if (alone != ((l1[i] & Qcow2Spec.COPIED) != 0)) {
                wrong++;
                if (fix) {
                    l1[i] ^= Qcow2Spec.COPIED;
                    HeaderFields.writeTable(file, header.l1Offset() + 8L * i, l1, i, 1);
                }
            }
            // A table that others use, too, has entries that others use; its flags do not matter until it is copied.
            wrong += copiedFlags(read(offset), offset, copied, fix);
        }
        return wrong;
    }

    private long copiedFlags(MemorySegment entries, long position, Copied copied, boolean fix) {
        long wrong = 0;
        for (long at = 0; at < entries.byteSize(); at += 8) {
            long entry = entries.get(BIG, at);
            long offset = entry & Qcow2Spec.OFFSET;
            if (entry == 0
                    || (entry & Qcow2Spec.COMPRESSED) != 0
                    || offset == 0
                    || geometry.offsetInCluster(offset) != 0) {
                continue;
            }
            if (copied.alone(offset >>> geometry.clusterBits()) != ((entry & Qcow2Spec.COPIED) != 0)) {
                wrong++;
                entries.set(BIG, at, entry ^ Qcow2Spec.COPIED);
            }
        }
        if (wrong > 0 && fix) {
            file.write(entries, position);
        }
        return wrong;
    }
}
