package jcrosvm.disk.qcow2;

import java.lang.foreign.Arena;
import java.util.Arrays;

/** How often each cluster of the file is referred to, and the allocator that follows from it. Guarded by the image's lock. */
final class Refcounts {
    private final Qcow2File file;
    private final Geometry geometry;
    private final MetadataCache cache;
    private final HeaderFields fields;
    private final ClusterSet tables;
    private final int blockBits;
    private final int sliceBits;
    private long tableOffset;
    private int tableClusters;
    private long[] table;
    private long cursor;
    private long fresh;
    private int found;

    Refcounts(Qcow2File file, Qcow2Header header, MetadataCache cache, HeaderFields fields, ClusterSet tables) {
        this.file = file;
        this.geometry = header.geometry();
        this.cache = cache;
        this.fields = fields;
        this.tables = tables;
        blockBits = geometry.refcountBlockBits();
        sliceBits = Integer.numberOfTrailingZeros(cache.sliceSize()) + 3 - geometry.refcountOrder();
        load(header.refcountTableOffset(), header.refcountTableClusters());
        fresh = geometry.clusters(file.length());
    }

    void load(long offset, int clusters) {
        tableOffset = offset;
        tableClusters = clusters;
        table = HeaderFields.keepTable(file, offset, (int) (((long) clusters << geometry.clusterBits()) / 8));
        cursor = 0;
    }

    /** Entries of the refcount table; each is the position of a block, or 0. */
    long[] table() {
        return table;
    }

    long tableOffset() {
        return tableOffset;
    }

    int tableClusters() {
        return tableClusters;
    }

    /** Clusters from here on were never written: they read as zeros. */
    long fresh() {
        return fresh;
    }

    long get(long cluster) {
        long index = cluster >>> blockBits;
        if (index >= table.length || table[(int) index] == 0) {
            return 0;
        }
        return cache.getNumber(slot(cluster), inSlice(cluster), geometry.refcountOrder());
    }

    private int inSlice(long cluster) {
        return (int) (cluster & (1L << sliceBits) - 1);
    }

    private int slot(long cluster) {
        long block = table[(int) (cluster >>> blockBits)];
        if ((block & geometry.clusterSize() - 1) != 0 || block < 0 || !file.holds(block)) {
            throw file.damaged("has a refcount block at " + Long.toUnsignedString(block));
        }
        long slice = (cluster & (1L << blockBits) - 1) >>> sliceBits;
        return cache.slot(block + slice * cache.sliceSize());
    }

    /** Sets the counts of clusters whose refcount blocks are there, in the file as well. */
    void set(long first, long count, long value) {
        for (long c = first; c < first + count; ) {
            int slot = slot(c);
            int from = inSlice(c);
            int n = (int) Math.min(first + count - c, (1L << sliceBits) - from);
            for (int i = from; i < from + n; i++) {
                cache.setNumber(slot, i, geometry.refcountOrder(), value);
            }
            int order = geometry.refcountOrder();
            cache.write(slot, from << order >> 3, ((from + n << order) + 7) >> 3);
            c += n;
        }
    }

    /**
     * Takes free clusters that lie together.
     *
     * @param most how many at most
     * @return the first; {@link #found()} tells how many
     */
    long allocate(int most) {
        fields.markDirty();
        while (true) {
            long first = cursor;
            long blockEnd = (first >>> blockBits) + 1 << blockBits;
            ensureBlock(first);
            while (first < blockEnd && get(first) != 0) {
                first++;
            }
            if (first == blockEnd) {
                cursor = first;
                continue;
            }
            int n = 1;
            while (n < most && first + n < blockEnd && get(first + n) == 0) {
                n++;
            }
            take(first, n);
            found = n;
            return first;
        }
    }

    /** Takes a number of free clusters that lie together, for tables; never more than a few thousand. */
    long allocateTogether(long count) {
        fields.markDirty();
        long run = 0;
        for (long c = cursor; ; c++) {
            ensureBlock(c);
            run = get(c) == 0 ? run + 1 : 0;
            if (run == count) {
                take(c - count + 1, count);
                return c - count + 1;
            }
        }
    }

    int found() {
        return found;
    }

    private void take(long first, long count) {
        for (long c = first; c < first + count; c++) {
            if (c == 0 || tables.contains(c)) {
                throw new InconsistentException("the tables in cluster " + c + " are counted as free");
            }
        }
        set(first, count, 1);
        if (first == cursor) {
            cursor = first + count;
        }
        fresh = Math.max(fresh, first + count);
    }

    /** Gives up one reference to each of these clusters: how many are free now. */
    long release(long first, long count) {
        fields.markDirty();
        long freed = 0;
        for (long c = first; c < first + count; c++) {
            long n = get(c);
            if (n == 0) {
                throw new InconsistentException("cluster " + c + " is in use and counted as free");
            }
            set(c, 1, n - 1);
            if (n == 1) {
                freed++;
                cursor = Math.min(cursor, c);
                cache.forget(c << geometry.clusterBits(), geometry.clusterSize());
                file.punch(c << geometry.clusterBits(), geometry.clusterSize());
            }
        }
        return freed;
    }

    /** Makes the block that counts a cluster. Where there is none, nothing of its range is in use. */
    private void ensureBlock(long cluster) {
        long index = cluster >>> blockBits;
        if (index >= table.length) {
            growTable(index);
            return;
        }
        if (table[(int) index] != 0) {
            return;
        }
        long home = index << blockBits;
        if (tables.contains(home)) {
            throw new InconsistentException("the tables in cluster " + home + " are counted as free");
        }
        writeBlock(home, home, 1);
        if (home < fresh || !fields.hasDirtyBit()) {
            file.sync();
        }
        fresh = Math.max(fresh, home + 1);
        table[(int) index] = home << geometry.clusterBits();
        try {
            HeaderFields.writeTable(file, tableOffset + 8 * index, table, (int) index, 1);
        } catch (RuntimeException e) {
            table[(int) index] = 0;
            throw e;
        }
        tables.add(home);
    }

    /** Writes a block in which the {@code count} clusters from {@code first} on, as far as it goes, are counted once. */
    private void writeBlock(long at, long first, long count) {
        try (Arena arena = Arena.ofConfined()) {
            file.write(arena.allocate(geometry.clusterSize(), 8), at << geometry.clusterBits());
        }
        cache.forget(at << geometry.clusterBits(), geometry.clusterSize());
        long range = first >>> blockBits;
        long known = range < table.length ? table[(int) range] : 0;
        if (range >= table.length) {
            throw new IllegalArgumentException("no entry for block " + range);
        }
        table[(int) range] = at << geometry.clusterBits();
        try {
            set(first, count, 1);
        } finally {
            table[(int) range] = known;
        }
    }

    /** Moves the table to a longer one behind everything that is counted, with the blocks for that. */
    private void growTable(long index) {
        int clusterBits = geometry.clusterBits();
        long perBlock = 1L << blockBits;
        long start = index << blockBits;
        long wanted = Math.max(index + 1, table.length + table.length / 2L);
        long clusters = geometry.clusters(8 * wanted);
        long blocks = 1;
        while (blocks * perBlock < blocks + clusters) {
            blocks++;
            clusters = geometry.clusters(8 * Math.max(wanted, index + blocks));
        }
        if (clusters << clusterBits > Math.max(Qcow2Spec.MAX_REFCOUNT_TABLE_BYTES, geometry.clusterSize())) {
            throw file.unusable("cannot grow any more with clusters of " + geometry.clusterSize() + " bytes");
        }
        long[] old = table;
        long[] grown = Arrays.copyOf(old, (int) ((clusters << clusterBits) / 8));
        long end = start + blocks + clusters;
        long newOffset = start + blocks << clusterBits;
        table = grown;
        try {
            for (long b = 0; b < blocks; b++) {
                long first = start + (b << blockBits);
                writeBlock(start + b, first, Math.min(perBlock, end - first));
            }
            for (long b = 0; b < blocks; b++) {
                grown[(int) (index + b)] = start + b << clusterBits;
            }
            HeaderFields.writeTable(file, newOffset, grown, 0, grown.length);
            file.sync();
            fields.refcountTable(newOffset, (int) clusters);
            file.sync();
        } catch (RuntimeException e) {
            table = old;
            throw e;
        }
        fresh = Math.max(fresh, end);
        tables.addAll(start, blocks + clusters);
        long oldFirst = tableOffset >>> clusterBits;
        long oldClusters = tableClusters;
        tableOffset = newOffset;
        tableClusters = (int) clusters;
        for (long c = oldFirst; c < oldFirst + oldClusters; c++) {
            tables.remove(c);
        }
        release(oldFirst, oldClusters);
    }
}
