package jcrosvm.disk.qcow2;

import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.StampedLock;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskFile;
import org.jspecify.annotations.Nullable;

/** One open image: its tables, and what guards them. The operations on it are classes of their own. */
final class Qcow2Image {
    /** Slices for L2 tables and refcount blocks: 8 MiB, enough for about 64 GiB of disk in clusters of 64 KiB. */
    private static final int CACHE_SLOTS = 2048;

    /** Operations share it, except those that give clusters back, which wait until no operation can be using them. */
    final StampedLock gate = new StampedLock();
    /** Guards tables, caches and everything else here but guest data. Never held while guest data is moved. */
    final ReentrantLock lock = new ReentrantLock();

    final Qcow2File file;
    final Qcow2Header header;
    final Geometry geometry;
    final boolean writable;
    final ClusterSet tables;
    final MetadataCache cache;
    final HeaderFields fields;
    final Refcounts refcounts;
    final ClusterMap map;
    final List<Snapshot> snapshots;
    final Commit commit;
    final @Nullable DiskFile backing;
    final CompressedClusters compressed;
    volatile long size;

    Qcow2Image(Qcow2File file, Qcow2Header header, @Nullable DiskFile backing, boolean writable) {
        this(file, header, backing, writable, CACHE_SLOTS);
    }

    Qcow2Image(Qcow2File file, Qcow2Header header, @Nullable DiskFile backing, boolean writable, int cacheSlots) {
        this.file = file;
        this.header = header;
        this.geometry = header.geometry();
        this.backing = backing;
        this.writable = writable;
        size = header.size();
        tables = new ClusterSet(file::reserve);
        cache = new MetadataCache(file, geometry.clusterSize(), cacheSlots);
        fields = new HeaderFields(file, header);
        refcounts = new Refcounts(file, header, cache, fields, tables);
        map = new ClusterMap(file, header, cache, refcounts, fields, tables);
        snapshots = Snapshot.readAll(file, header);
        commit = new Commit(this);
        compressed = new CompressedClusters(file, header);
        if (writable) {
            rememberTables();
        }
    }

    /** Learns where tables are. Two in one place would overwrite each other: that is not written to at all. */
    private void rememberTables() {
        // Each entry may get a table while a guest writes, which is no time to run out of memory.
        tables.expect(map.l1().length);
        if (!tables.add(0)
                || !addTables(map.l1Offset(), 8L * map.l1().length)
                || !addTables(refcounts.tableOffset(), (long) refcounts.tableClusters() << geometry.clusterBits())
                || !addTables(map.l1(), Qcow2Spec.OFFSET)
                || !addTables(refcounts.table(), -1)
                || !addSnapshots()) {
            throw file.damaged("has two tables in one place and can only be opened read-only");
        }
    }

    private boolean addTables(long[] entries, long mask) {
        for (long entry : entries) {
            if (entry != 0 && !addTables(entry & mask, 1)) {
                return false;
            }
        }
        return true;
    }

    private boolean addSnapshots() {
        for (Snapshot s : snapshots) {
            if (!addTables(s.l1Offset(), 8L * s.l1Size())) {
                return false;
            }
        }
        return snapshots.isEmpty()
                || addTables(header.snapshotsOffset(), snapshots.getLast().end() - header.snapshotsOffset());
    }

    private boolean addTables(long offset, long bytes) {
        return tables.addAll(offset >>> geometry.clusterBits(), geometry.clusters(bytes));
    }

    /** Bytes of the backing file that the disk shows. */
    long backingLength() {
        return backing == null ? 0 : Math.min(backing.length(), size);
    }

    /** Turns what was found into what a caller sees; an image that is written to is marked. */
    DiskException inconsistent(InconsistentException e, boolean writing) {
        if (writing && writable) {
            lock.lock();
            try {
                fields.markCorrupt();
            } finally {
                lock.unlock();
            }
        }
        return file.damaged("has inconsistent tables: " + e.getMessage());
    }

    void requireWritable() {
        if (!writable) {
            throw file.unusable("is open read-only");
        }
        if (fields.corrupt()) {
            throw file.damaged("is marked as corrupt and cannot be written");
        }
    }
}
