package jcrosvm.disk.io;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoUring;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one queue that the kernel carries out by itself (io_uring). Of one thread.
 *
 * @param <R> the device's form of a request
 */
public final class UringQueue<R extends DiskRequest> implements AutoCloseable {
    private final IoUring ring;
    private final int flags;
    private final Supplier<R> maker;
    private final List<R> requests = new ArrayList<>();
    private final int[] idle;
    private int idleCount;

    /**
     * @param size most requests in flight, a power of two
     * @param flags RWF_* of all reads and writes
     * @param maker of request objects, of which there are never more than have been in flight at a time, and one
     */
    public UringQueue(int size, int flags, Supplier<R> maker) {
        this.flags = flags;
        this.maker = maker;
        ring = new IoUring(size);
        idle = new int[size];
        idleCount = size;
        for (int i = 0; i < size; i++) {
            idle[i] = size - 1 - i;
        }
    }

    public IoUring ring() {
        return ring;
    }

    public boolean isFull() {
        return idleCount == 0;
    }

    /** An object for the next request: the same one again until it is {@link #start started}. */
    public R next() {
        int slot = idle[idleCount - 1];
        if (slot == requests.size()) {
            requests.add(maker.get());
        }
        return requests.get(slot);
    }

    /** Hands {@link #next} in: a read, a write or a flush. */
    public void start(R request, Fd file) {
        int slot = idle[--idleCount];
        switch (request.kind()) {
            case READ -> ring.readv(file, request.data(), request.offset(), flags, slot);
            case WRITE -> ring.writev(file, request.data(), request.offset(), flags, slot);
            default -> ring.fdatasync(file, slot);
        }
    }

    /** A request that has come back, with its result in {@link IoUring#result}; null when there is none. */
    public @Nullable R reap() {
        if (!ring.next()) {
            return null;
        }
        int slot = (int) ring.id();
        idle[idleCount++] = slot;
        return requests.get(slot);
    }

    @Override
    public void close() {
        ring.close();
    }
}
