package jcrosvm.disk.qcow2;

import java.util.Arrays;

/** Makes the disk of an image longer or shorter. The gate is held alone. */
final class Resize {
    private Resize() {}

    static void run(Qcow2Image image, ClusterEraser eraser, long length) {
        Geometry geometry = image.geometry;
        if (length < 0 || geometry.l1Entries(length) > Qcow2Spec.MAX_L1_BYTES / 8) {
            throw image.file.unusable("cannot have a disk of " + length + " bytes with clusters of "
                    + geometry.clusterSize() + "; the most is "
                    + geometry.clusterSize() * geometry.clusterSize() / 8 * (Qcow2Spec.MAX_L1_BYTES / 8));
        }
        if (length < image.size) {
            shrink(image, eraser, length);
        } else if (length > image.size) {
            grow(image, eraser, length);
        }
    }

    private static void grow(Qcow2Image image, ClusterEraser eraser, long length) {
        image.lock.lock();
        try {
            if (image.geometry.l1Entries(length) > image.map.l1().length) {
                growL1(image, (int) image.geometry.l1Entries(length));
            }
        } finally {
            image.lock.unlock();
        }
        long old = image.size;
        zeroTail(image, old);
        image.lock.lock();
        try {
            image.fields.size(length);
            image.size = length;
        } finally {
            image.lock.unlock();
        }
        hideBacking(image, eraser, old, length);
        image.file.sync();
    }

    /** Where the last cluster is there already, its part behind the old end must read as zeros from now on. */
    private static void zeroTail(Qcow2Image image, long old) {
        if (image.geometry.offsetInCluster(old) == 0) {
            return;
        }
        Mapping m = new Mapping();
        image.lock.lock();
        try {
            image.map.find(old, 1, m);
        } finally {
            image.lock.unlock();
        }
        if (m.kind == Mapping.Kind.DATA || m.kind == Mapping.Kind.COMPRESSED) {
            writeZeros(image, old, image.geometry.roundUp(old));
        }
    }

    /** A backing file longer than the disk must not show through in what is new. */
    private static void hideBacking(Qcow2Image image, ClusterEraser eraser, long from, long to) {
        if (image.backing == null || image.backing.length() <= from) {
            return;
        }
        long end = Math.min(to, image.backing.length());
        for (long at = from; at < end; ) {
            long cluster = image.geometry.clusterSize();
            long n = Math.min(end - at, cluster - at % cluster);
            if (at % cluster != 0 || !eraser.erase(at, cluster, ClusterEraser.Mode.ZERO_AND_UNMAP)) {
                writeZeros(image, at, at + n);
            }
            at += n;
        }
    }

    private static void writeZeros(Qcow2Image image, long from, long to) {
        Transfer transfer = new Transfer();
        ClusterWriter writer = new ClusterWriter(image, new ClusterReader(image));
        for (long at = from; at < to; ) {
            long n = Math.min(to - at, Transfer.BUFFER);
            long wrote = writer.write(at, transfer.zeros(n), 0, n, transfer);
            at += wrote;
            if (wrote == 0) {
                image.commit.runAlone();
            }
        }
        image.commit.runAlone();
    }

    private static void growL1(Qcow2Image image, int entries) {
        Geometry geometry = image.geometry;
        long[] old = image.map.l1();
        long oldOffset = image.map.l1Offset();
        image.file.reserve(8L * (entries - old.length));
        image.tables.expect(entries);
        long[] grown = Arrays.copyOf(old, entries);
        long clusters = geometry.clusters(8L * entries);
        long first = image.refcounts.allocateTogether(clusters);
        long offset = first << geometry.clusterBits();
        // Whole clusters, so that what is behind the table is zeros as well.
        long[] padded = Arrays.copyOf(grown, (int) (clusters << geometry.clusterBits() >>> 3));
        HeaderFields.writeTable(image.file, offset, padded, 0, padded.length);
        image.file.sync();
        image.fields.l1Table(entries, offset);
        image.file.sync();
        image.map.moveL1(grown, offset);
        image.tables.addAll(first, clusters);
        long oldClusters = geometry.clusters(8L * old.length);
        for (long c = 0; c < oldClusters; c++) {
            image.tables.remove((oldOffset >>> geometry.clusterBits()) + c);
        }
        if (oldClusters > 0) {
            image.refcounts.release(oldOffset >>> geometry.clusterBits(), oldClusters);
        }
    }

    private static void shrink(Qcow2Image image, ClusterEraser eraser, long length) {
        if (!image.snapshots.isEmpty()) {
            throw image.file.unusable("has " + image.snapshots.size()
                    + " internal snapshots and cannot get shorter; delete" + " them with qemu-img snapshot -d");
        }
        Geometry geometry = image.geometry;
        image.commit.runAlone();
        image.lock.lock();
        try {
            image.fields.markDirty();
            image.fields.size(length);
            image.size = length;
            image.file.sync();
        } finally {
            image.lock.unlock();
        }
        long span = image.map.sliceSpan();
        long tableSpan = 1L << geometry.l1Shift();
        int entries = image.map.l1().length;
        for (int i = (int) (geometry.roundUp(length) >>> geometry.l1Shift()); i < entries; i++) {
            long from = Math.max((long) i << geometry.l1Shift(), geometry.roundUp(length));
            long to = ((long) i + 1) << geometry.l1Shift();
            if (image.map.l1()[i] == 0) {
                continue;
            }
            for (long at = from; at < to; ) {
                long n = Math.min(to - at, span - at % span);
                eraser.erase(at, n, ClusterEraser.Mode.REMOVE);
                at += n;
            }
            if (to - from == tableSpan) {
                removeTable(image, i);
            }
        }
        image.file.sync();
    }

    private static void removeTable(Qcow2Image image, int index) {
        image.lock.lock();
        try {
            long table = image.map.l1()[index] & Qcow2Spec.OFFSET;
            image.map.setL1(index, 0);
            if (table != 0) {
                image.commit.barrier();
                image.tables.remove(table >>> image.geometry.clusterBits());
                image.refcounts.release(table >>> image.geometry.clusterBits(), 1);
            }
        } finally {
            image.lock.unlock();
        }
    }
}
