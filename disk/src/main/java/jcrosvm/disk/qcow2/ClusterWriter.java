package jcrosvm.disk.qcow2;

import java.util.concurrent.locks.ReentrantLock;
import jcrosvm.base.io.IoVec;

/**
 * Writes ranges of the disk: in place where a cluster is the disk's alone, else into new clusters. The caller holds the
 * gate.
 */
final class ClusterWriter {
    /** Locks, so that two writes into the same new cluster do not both allocate it. */
    private static final int STRIPES = 64;

    private final Qcow2Image image;
    private final ClusterReader reader;
    private final ReentrantLock[] stripes = new ReentrantLock[STRIPES];

    ClusterWriter(Qcow2Image image, ClusterReader reader) {
        this.image = image;
        this.reader = reader;
        for (int i = 0; i < STRIPES; i++) {
            stripes[i] = new ReentrantLock();
        }
    }

    /** Writes as much as one run takes: bytes written, 0 when {@link Commit#run} is needed first. */
    long write(long offset, IoVec from, long at, long length, Transfer transfer) {
        Mapping m = transfer.mapping;
        image.lock.lock();
        try {
            find(offset, length, m);
        } finally {
            image.lock.unlock();
        }
        if (m.kind == Mapping.Kind.DATA && m.copied()) {
            return inPlace(from, at, transfer);
        }
        ReentrantLock stripe = stripes[(int) (offset / image.map.sliceSpan() & STRIPES - 1)];
        stripe.lock();
        try {
            int count;
            boolean kept;
            image.lock.lock();
            try {
                find(offset, length, m);
                if (m.kind == Mapping.Kind.DATA && m.copied()) {
                    count = 0;
                    kept = true;
                } else {
                    kept = m.kind == Mapping.Kind.ZERO && m.copied();
                    count = (int) image.geometry.clusters(image.geometry.offsetInCluster(offset) + m.length);
                    count = Math.min(count, image.commit.room());
                    if (count <= 0) {
                        return 0;
                    }
                    image.map.own(offset);
                }
            } finally {
                image.lock.unlock();
            }
            return count == 0 ? inPlace(from, at, transfer) : allocating(offset, from, at, count, kept, transfer);
        } finally {
            stripe.unlock();
        }
    }

    private void find(long offset, long length, Mapping m) {
        image.map.find(offset, length, m);
        if (m.host != 0 && m.copied()) {
            image.map.checkNoTables(m.host, m.length);
        }
    }

    private long inPlace(IoVec from, long at, Transfer transfer) {
        Mapping m = transfer.mapping;
        transfer.part.clear();
        transfer.part.add(from, at, m.length);
        image.file.write(m.host, transfer.part);
        return m.length;
    }

    /** @param kept whether the clusters are there already and only read as zeros */
    private long allocating(long offset, IoVec from, long at, int most, boolean kept, Transfer transfer) {
        Mapping m = transfer.mapping;
        Geometry geometry = image.geometry;
        long inCluster = geometry.offsetInCluster(offset);
        int count = most;
        long host;
        boolean blank = false;
        if (kept) {
            host = m.host - inCluster;
        } else {
            image.lock.lock();
            try {
                long fresh = image.refcounts.fresh();
                long first = image.refcounts.allocate(most);
                count = image.refcounts.found();
                blank = first >= fresh;
                host = first << geometry.clusterBits();
            } finally {
                image.lock.unlock();
            }
        }
        long end = Math.min(inCluster + m.length, (long) count << geometry.clusterBits());
        boolean copied;
        try {
            copied = fill(offset - inCluster, 0, inCluster, host, blank, transfer);
            copied |= fill(
                    offset - inCluster, end, ((long) count << geometry.clusterBits()) - end, host, blank, transfer);
            transfer.part.clear();
            transfer.part.add(from, at, end - inCluster);
            image.file.write(host + inCluster, transfer.part);
        } catch (RuntimeException e) {
            if (!kept) {
                giveBack(host >>> geometry.clusterBits(), count);
            }
            throw e;
        }
        link(offset, host, count, copied);
        return end - inCluster;
    }

    /**
     * Fills a part of new clusters with what the disk reads there.
     *
     * @param start disk offset of the first cluster
     * @param from first byte, counted from {@code start}
     * @param blank whether the new clusters read as zeros already
     * @return whether there was anything but zeros
     */
    private boolean fill(long start, long from, long length, long host, boolean blank, Transfer transfer) {
        Mapping m = transfer.mapping;
        boolean zeros = m.kind == Mapping.Kind.ZERO
                || m.kind == Mapping.Kind.UNALLOCATED && start + from >= image.backingLength();
        if (length == 0 || zeros && blank) {
            return false;
        }
        long found = m.host;
        long clusterStart = found - image.geometry.offsetInCluster(found);
        for (long done = 0; done < length; ) {
            long n = Math.min(length - done, Transfer.BUFFER);
            IoVec copy = transfer.copy(n);
            if (zeros) {
                copy.fill(0, n, (byte) 0);
            } else {
                m.host = clusterStart + from + done;
                try {
                    reader.readRun(m, start + from + done, copy, 0, n, transfer.part);
                } finally {
                    m.host = found;
                }
            }
            image.file.write(host + from + done, copy);
            done += n;
        }
        return !zeros;
    }

    private void giveBack(long first, int count) {
        image.lock.lock();
        try {
            image.refcounts.release(first, count);
        } finally {
            image.lock.unlock();
        }
    }

    /**
     * Makes the disk's entries refer to the clusters.
     *
     * @param copied whether they hold data that was readable before: then losing them would lose it
     */
    private void link(long offset, long host, int count, boolean copied) {
        Geometry geometry = image.geometry;
        image.lock.lock();
        try {
            boolean defer = copied || !image.fields.hasDirtyBit();
            for (int i = 0; i < count; i++) {
                long at = offset + ((long) i << geometry.clusterBits());
                long old = image.map.entry(at);
                long now = host + ((long) i << geometry.clusterBits()) | Qcow2Spec.COPIED;
                image.map.set(at, now);
                boolean compressed = (old & Qcow2Spec.COMPRESSED) != 0;
                long oldHost = compressed ? 0 : old & Qcow2Spec.OFFSET;
                if (compressed || oldHost != 0 && oldHost != (now & Qcow2Spec.OFFSET)) {
                    image.commit.replaced(old);
                }
            }
            image.map.update(offset, count, defer);
            if (defer) {
                image.commit.deferred();
            }
        } finally {
            image.lock.unlock();
        }
    }
}
