package jcrosvm.disk.qcow2;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The active L1 table and its L2 tables: from clusters of the disk to clusters of the file. Guarded by the image's lock. */
final class ClusterMap {
    private final Qcow2File file;
    private final Geometry geometry;
    private final boolean zeroFlag;
    private final MetadataCache cache;
    private final Refcounts refcounts;
    private final HeaderFields fields;
    private final ClusterSet tables;
    private final int entriesPerSlice;
    private long[] l1;
    private long l1Offset;

    ClusterMap(
            Qcow2File file,
            Qcow2Header header,
            MetadataCache cache,
            Refcounts refcounts,
            HeaderFields fields,
            ClusterSet tables) {
        this.file = file;
        this.geometry = header.geometry();
        this.zeroFlag = header.version() >= 3;
        this.cache = cache;
        this.refcounts = refcounts;
        this.fields = fields;
        this.tables = tables;
        entriesPerSlice = cache.sliceSize() / 8;
        l1Offset = header.l1Offset();
        l1 = HeaderFields.keepTable(file, l1Offset, header.l1Size());
    }

    long[] l1() {
        return l1;
    }

    long l1Offset() {
        return l1Offset;
    }

    /** Bytes of the disk whose entries lie in one slice: no mapping and no update crosses its bounds. */
    long sliceSpan() {
        return (long) entriesPerSlice << geometry.clusterBits();
    }

    /** Whether clusters can read as zeros without one in the file even where there is a backing file. */
    boolean zeroFlag() {
        return zeroFlag;
    }

    /** Finds out about the range from {@code offset} on, which ends within the disk. */
    void find(long offset, long length, Mapping into) {
        long inCluster = geometry.offsetInCluster(offset);
        long inSlice = Math.min(length, sliceSpan() - (offset & sliceSpan() - 1));
        int count = (int) geometry.clusters(inCluster + inSlice);
        long table = l2Table(offset);
        if (table == 0) {
            into.kind = Mapping.Kind.UNALLOCATED;
            into.entry = 0;
            into.host = 0;
            into.length = inSlice;
            return;
        }
        int slot = slot(table, offset);
        int index = inSlice(offset);
        long first = cache.getLong(slot, 8 * index);
        Mapping.Kind kind = kind(first);
        long host = checkedHost(first, kind, offset);
        int n = 1;
        if (kind != Mapping.Kind.COMPRESSED) {
            while (n < count) {
                long entry = cache.getLong(slot, 8 * (index + n));
                // Entries of a run differ in nothing but consecutive positions.
                long expected = host == 0 ? first : first + ((long) n << geometry.clusterBits());
                if (entry != expected) {
                    break;
                }
                n++;
            }
        }
        into.kind = kind;
        into.entry = first;
        into.host = host == 0 || kind == Mapping.Kind.COMPRESSED ? 0 : host + inCluster;
        into.length = Math.min(inSlice, ((long) n << geometry.clusterBits()) - inCluster);
    }

    Mapping.Kind kind(long entry) {
        if ((entry & Qcow2Spec.COMPRESSED) != 0) {
            return Mapping.Kind.COMPRESSED;
        }
        if (zeroFlag && (entry & Qcow2Spec.ZERO) != 0) {
            return Mapping.Kind.ZERO;
        }
        return (entry & Qcow2Spec.OFFSET) == 0 ? Mapping.Kind.UNALLOCATED : Mapping.Kind.DATA;
    }

    private long checkedHost(long entry, Mapping.Kind kind, long offset) {
        if (kind == Mapping.Kind.COMPRESSED) {
            return geometry.compressedOffset(entry);
        }
        long host = entry & Qcow2Spec.OFFSET;
        boolean reserved = (entry & Qcow2Spec.L2_RESERVED) != 0 || !zeroFlag && (entry & Qcow2Spec.ZERO) != 0;
        if (reserved || geometry.offsetInCluster(host) != 0) {
            throw new InconsistentException(
                    "the entry of disk offset " + offset + " is 0x" + Long.toHexString(entry) + ", which cannot be");
        }
        return host;
    }

    /** Whether guest data of a run would go where tables are. */
    void checkNoTables(long host, long length) {
        long last = host + length - 1 >>> geometry.clusterBits();
        for (long c = host >>> geometry.clusterBits(); c <= last; c++) {
            if (c == 0 || tables.contains(c)) {
                throw new InconsistentException(
                        "guest data and tables share the cluster at " + (c << geometry.clusterBits()));
            }
        }
    }

    /** The position of the L2 table for a disk offset, or 0. */
    long l2Table(long offset) {
        long entry = l1[(int) (offset >>> geometry.l1Shift())];
        long table = entry & Qcow2Spec.OFFSET;
        if ((entry & Qcow2Spec.L1_RESERVED) != 0 || geometry.offsetInCluster(table) != 0) {
            throw new InconsistentException("an L1 entry is 0x" + Long.toHexString(entry) + ", which cannot be");
        }
        if (table != 0 && !file.holds(table)) {
            throw new InconsistentException("an L2 table lies behind the end of the file, at " + table);
        }
        return table;
    }

    private int slot(long table, long offset) {
        long index = offset >>> geometry.clusterBits() & (1L << geometry.l2Bits()) - 1;
        return cache.slot(table + 8 * (index - index % entriesPerSlice));
    }

    private int inSlice(long offset) {
        return (int) (offset >>> geometry.clusterBits() & entriesPerSlice - 1);
    }

    /** The L2 entry of a disk offset. */
    long entry(long offset) {
        long table = l2Table(offset);
        return table == 0 ? 0 : cache.getLong(slot(table, offset), 8 * inSlice(offset));
    }

    /** Makes sure that there is an L2 table of this image alone, so that {@link #update} cannot run out of space. */
    void own(long offset) {
        int index = (int) (offset >>> geometry.l1Shift());
        long old = l2Table(offset);
        if (old != 0 && (l1[index] & Qcow2Spec.COPIED) != 0) {
            return;
        }
        long fresh = refcounts.fresh();
        long cluster = refcounts.allocate(1);
        long table = cluster << geometry.clusterBits();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment content = arena.allocate(geometry.clusterSize(), 8);
            if (old != 0) {
                file.read(content, old);
            }
            cache.forget(table, geometry.clusterSize());
            file.write(content, table);
            // A new table in space that was never written can only be zeros after a power failure, which is harmless.
            if (old != 0 || cluster < fresh || !fields.hasDirtyBit()) {
                file.sync();
            }
        } catch (RuntimeException e) {
            refcounts.release(cluster, 1);
            throw e;
        }
        setL1(index, table | Qcow2Spec.COPIED);
        tables.add(cluster);
        if (old != 0) {
            refcounts.release(old >>> geometry.clusterBits(), 1);
        }
    }

    void setL1(int index, long entry) {
        long old = l1[index];
        l1[index] = entry;
        try {
            HeaderFields.writeTable(file, l1Offset + 8L * index, l1, index, 1);
        } catch (RuntimeException e) {
            l1[index] = old;
            throw e;
        }
    }

    /** Changes the memory's copy of an entry, in a table that {@link #own} was called for. */
    void set(long offset, long entry) {
        cache.setLong(slot(l2Table(offset), offset), 8 * inSlice(offset), entry);
    }

    /**
     * Brings changed entries into the file.
     *
     * @param count of entries from the one of {@code offset} on, in one slice
     * @param defer only at the next flush, after everything written so far
     */
    void update(long offset, int count, boolean defer) {
        int slot = slot(l2Table(offset), offset);
        int from = 8 * inSlice(offset);
        if (defer) {
            cache.defer(slot, from, from + 8 * count);
        } else {
            cache.write(slot, from, from + 8 * count);
        }
    }

    /** Goes over to a table elsewhere, which is in the file already. */
    void moveL1(long[] entries, long offset) {
        l1 = entries;
        l1Offset = offset;
    }
}
