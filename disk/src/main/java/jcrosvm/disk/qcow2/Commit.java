package jcrosvm.disk.qcow2;

/**
 * What has to follow a write later: entries that wait for a sync, then references to give up. Collected while the gate is
 * shared, done while it is held alone.
 */
final class Commit {
    private static final int MOST = 1024;

    private final Qcow2Image image;
    private final long[] replaced = new long[MOST];
    private int count;
    private volatile boolean pending;

    Commit(Qcow2Image image) {
        this.image = image;
    }

    /** An L2 entry that is not used any more. Called with the image's lock. */
    void replaced(long entry) {
        replaced[count++] = entry;
        pending = true;
    }

    /** Entries were deferred. Called with the image's lock. */
    void deferred() {
        pending = true;
    }

    /** How many more entries may be replaced before {@link #run} must be called. Called with the image's lock. */
    int room() {
        return image.cache.deferred() > image.cache.slots() / 4 ? 0 : MOST - count;
    }

    /** Whether there is anything to do. */
    boolean pending() {
        return pending;
    }

    /** Whether a writer should do it before it goes on. */
    boolean due() {
        if (!pending) {
            return false;
        }
        image.lock.lock();
        try {
            return room() < MOST / 2;
        } finally {
            image.lock.unlock();
        }
    }

    /** Does it, waiting for all operations first. */
    void run() {
        long stamp = image.gate.writeLock();
        try {
            runAlone();
        } finally {
            image.gate.unlockWrite(stamp);
        }
    }

    /** Does it; the gate is held alone. */
    void runAlone() {
        image.lock.lock();
        try {
            if (image.cache.deferred() > 0) {
                image.file.sync();
                image.cache.writeDeferred();
            }
            if (count > 0) {
                barrier();
                while (count > 0) {
                    release(replaced[--count]);
                }
            }
            pending = false;
        } finally {
            image.lock.unlock();
        }
    }

    /** Without a dirty bit, references must be gone for good before their clusters are. */
    void barrier() {
        if (!image.fields.hasDirtyBit()) {
            image.file.sync();
        }
    }

    /** Gives up what an entry refers to; the gate is held alone, and the lock. */
    void release(long entry) {
        Geometry geometry = image.geometry;
        if ((entry & Qcow2Spec.COMPRESSED) != 0) {
            long from = geometry.compressedOffset(entry);
            long first = from >>> geometry.clusterBits();
            long last = from + geometry.compressedLength(entry) - 1 >>> geometry.clusterBits();
            image.compressed.forget();
            image.refcounts.release(first, last - first + 1);
        } else if ((entry & Qcow2Spec.OFFSET) != 0) {
            image.refcounts.release((entry & Qcow2Spec.OFFSET) >>> geometry.clusterBits(), 1);
        }
    }
}
