package jcrosvm.disk.qcow2;

/** Compares the refcounts of an image with its references. No program may be using the image. */
final class Qcow2Check {
    private final Qcow2File file;
    private final Qcow2Header header;
    private final Geometry geometry;
    private final MetadataCache cache;
    private final Refcounts refcounts;
    final ReferenceWalk walk;
    private long leaks;
    private long corruptions;
    private long fixed;

    Qcow2Check(Qcow2File file, Qcow2Header header) {
        this.file = file;
        this.header = header;
        geometry = header.geometry();
        cache = new MetadataCache(file, geometry.clusterSize(), 64);
        refcounts = new Refcounts(file, header, cache, new HeaderFields(file, header), new ClusterSet(file::reserve));
        walk = new ReferenceWalk(file, header);
    }

    /** @param fixLeaks lowers refcounts that are too high */
    Qcow2CheckResult run(boolean fixLeaks) {
        walk.run();
        walk.addRefcounts(refcounts.table());
        compare(fixLeaks);
        corruptions += walk.corruptions();
        // Too many references are worse than a wrong flag: flags follow from counts that may be wrong.
        corruptions += walk.copiedFlags(this::alone, false);
        if (fixed > 0) {
            file.sync();
        }
        return new Qcow2CheckResult(corruptions, leaks, fixed, walk.clusters(), geometry.clusters(header.size()));
    }

    private boolean alone(long cluster) {
        return usable(cluster >>> geometry.refcountBlockBits()) && refcounts.get(cluster) == 1;
    }

    private boolean usable(long index) {
        long[] table = refcounts.table();
        if (index >= table.length) {
            return false;
        }
        long block = table[(int) index];
        return block > 0 && geometry.offsetInCluster(block) == 0 && file.holds(block);
    }

    private void compare(boolean fixLeaks) {
        long perBlock = 1L << geometry.refcountBlockBits();
        ClusterSet seen = new ClusterSet(file::reserve);
        long[] table = refcounts.table();
        for (int i = 0; i < table.length; i++) {
            if (!usable(i)) {
                continue;
            }
            if (!seen.add(table[i])) {
                corruptions++;
                continue;
            }
            for (long c = i * perBlock; c < (i + 1) * perBlock; c++) {
                compare(c, refcounts.get(c), walk.references.get(c), fixLeaks);
            }
        }
        // Where there is no refcount block, there should be no reference.
        for (long start : walk.references.stretches()) {
            for (long c = start; c < start + (1 << References.PAGE_BITS); c++) {
                if (walk.references.get(c) != 0 && !usable(c >>> geometry.refcountBlockBits())) {
                    corruptions++;
                }
            }
        }
    }

    private void compare(long cluster, long stored, long counted, boolean fixLeaks) {
        if (stored < counted) {
            corruptions++;
        } else if (stored > counted) {
            if (fixLeaks) {
                refcounts.set(cluster, 1, counted);
                fixed++;
            } else {
                leaks++;
            }
        }
    }
}
