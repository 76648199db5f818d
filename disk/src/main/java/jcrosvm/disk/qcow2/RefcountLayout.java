package jcrosvm.disk.qcow2;

import java.util.BitSet;

/** Where a new set of refcount blocks and their table go, behind the end of the file: first the blocks, then the table. */
final class RefcountLayout {
    private final Geometry geometry;
    private final BitSet ranges;
    private final long start;
    private final long tableStart;
    private final int tableClusters;

    private RefcountLayout(Geometry geometry, BitSet ranges, long start, int tableClusters) {
        this.geometry = geometry;
        this.ranges = ranges;
        this.start = start;
        this.tableClusters = tableClusters;
        tableStart = start + ranges.cardinality();
    }

    static RefcountLayout of(Qcow2File file, Geometry geometry, References references) {
        int bits = geometry.refcountBlockBits();
        long most = Math.max(Qcow2Spec.MAX_REFCOUNT_TABLE_BYTES, geometry.clusterSize());
        long start = Math.max(geometry.clusters(file.length()), references.end());
        if (start >>> bits >= most / 8) {
            throw file.unusable("is too long for refcounts with clusters of " + geometry.clusterSize() + " bytes");
        }
        BitSet ranges = new BitSet();
        for (long stretch : references.stretches()) {
            for (long c = stretch; c < stretch + (1 << References.PAGE_BITS); c++) {
                int count = references.get(c);
                if (count > geometry.maxRefcount()) {
                    throw file.unusable("has a cluster with " + count + " references and refcounts of "
                            + (1 << geometry.refcountOrder()) + " bits; use qemu-img check -r all");
                }
                if (count != 0) {
                    ranges.set((int) (c >>> bits));
                }
            }
        }
        int tableClusters = 1;
        while (true) {
            long end = start + ranges.cardinality() + tableClusters;
            int before = ranges.cardinality();
            ranges.set((int) (start >>> bits), (int) (end - 1 >>> bits) + 1);
            int wanted = (int) geometry.clusters(8L * ranges.length());
            if (ranges.cardinality() == before && wanted <= tableClusters) {
                return new RefcountLayout(geometry, ranges, start, tableClusters);
            }
            tableClusters = Math.max(tableClusters, wanted);
        }
    }

    long tableOffset() {
        return tableStart << geometry.clusterBits();
    }

    int tableClusters() {
        return tableClusters;
    }

    /** Writes blocks and table, and counts them among the references. */
    void write(Qcow2File file, References references) {
        for (long c = start; c < tableStart + tableClusters; c++) {
            references.add(c, 1);
        }
        long[] table = new long[(int) (((long) tableClusters << geometry.clusterBits()) / 8)];
        byte[] block = new byte[(int) geometry.clusterSize()];
        long at = start;
        for (int range = ranges.nextSetBit(0); range >= 0; range = ranges.nextSetBit(range + 1)) {
            long first = (long) range << geometry.refcountBlockBits();
            for (int i = 0; i < 1 << geometry.refcountBlockBits(); i++) {
                put(block, i, references.get(first + i));
            }
            file.write(block, at << geometry.clusterBits());
            table[range] = at << geometry.clusterBits();
            at++;
        }
        HeaderFields.writeTable(file, tableOffset(), table, 0, table.length);
    }

    private void put(byte[] block, int index, int value) {
        int order = geometry.refcountOrder();
        if (order < 3) {
            int shift = (index << order) & 7;
            int mask = (1 << (1 << order)) - 1 << shift;
            int at = index << order >> 3;
            block[at] = (byte) (block[at] & ~mask | value << shift);
            return;
        }
        int bytes = 1 << order - 3;
        long rest = value;
        for (int i = bytes - 1; i >= 0; i--) {
            block[index * bytes + i] = (byte) rest;
            rest >>>= 8;
        }
    }
}
