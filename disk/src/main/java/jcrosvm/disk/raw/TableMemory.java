package jcrosvm.disk.raw;

import java.util.concurrent.atomic.AtomicLong;
import jcrosvm.disk.DiskException;

/**
 * The heap that tables of open images take, counted over all images of the process: files say how long their tables are,
 * images hang on one another, and a VM may have many disks.
 */
final class TableMemory implements AutoCloseable {
    private static final long LIMIT = Runtime.getRuntime().maxMemory() / 3;
    private static final AtomicLong USED = new AtomicLong();

    private final AtomicLong mine = new AtomicLong();

    /**
     * Counts more memory, or less.
     *
     * @param bytes negative to give some back
     * @throws DiskException when it is too much
     */
    void take(Object image, long bytes) {
        if (USED.addAndGet(bytes) > LIMIT && bytes > 0) {
            USED.addAndGet(-bytes);
            throw new DiskException("cannot use " + image + ": tables of disk images may take " + (LIMIT >> 20)
                    + " MiB, a third of the heap, and all that are open would need more; use fewer images, or ones with"
                    + " larger clusters or chunks");
        }
        mine.addAndGet(bytes);
    }

    /** Bytes that count for this image. */
    long taken() {
        return mine.get();
    }

    /** Gives back what was taken; twice is harmless. */
    @Override
    public void close() {
        USED.addAndGet(-mine.getAndSet(0));
    }
}
