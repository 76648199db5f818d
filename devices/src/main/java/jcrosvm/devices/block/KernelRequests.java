package jcrosvm.devices.block;

import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoUring;
import jcrosvm.disk.DiskFile;
import org.jspecify.annotations.Nullable;

/** The requests of one queue that the kernel carries out by itself (io_uring). Of the worker's thread. */
final class KernelRequests implements AutoCloseable {
    private final IoUring ring = new IoUring(BlockSpec.QUEUE_SIZE);
    private final int flags;
    private final @Nullable BlockRequest[] requests = new BlockRequest[BlockSpec.QUEUE_SIZE];
    private final int[] idle = new int[BlockSpec.QUEUE_SIZE];
    private int idleCount = BlockSpec.QUEUE_SIZE;

    /** @param flags RWF_* of all reads and writes */
    KernelRequests(int flags) {
        this.flags = flags;
        for (int i = 0; i < idle.length; i++) {
            idle[i] = idle.length - 1 - i;
        }
    }

    /**
     * Whether a disk is to work this way: when it is asked to, and by default where it wins, which is where requests
     * wait for the disk and not for the processor.
     *
     * @throws VmmException it is asked to and this host cannot: the user learns it now, not a guest later
     */
    static boolean suit(BlockConfig settings, DiskFile disk) {
        AsyncExecutor wish = settings.asyncExecutor();
        if (wish == AsyncExecutor.EPOLL || (wish == null && !(settings.direct() && disk.plainFile() != null))) {
            return false;
        }
        try {
            new IoUring(1).close();
            return true;
        } catch (VmmException e) {
            if (wish == null) {
                return false;
            }
            throw new VmmException(
                    "block " + settings.path() + ": async-executor=uring: " + e.getMessage()
                            + "; use async-executor=epoll",
                    e);
        }
    }

    IoUring ring() {
        return ring;
    }

    boolean isFull() {
        return idleCount == 0;
    }

    /** An object for the next request: the same one again until it is {@link #start started}. */
    BlockRequest next() {
        int slot = idle[idleCount - 1];
        BlockRequest request = requests[slot];
        if (request == null) {
            request = new BlockRequest(BlockSpec.QUEUE_SIZE);
            requests[slot] = request;
        }
        return request;
    }

    /** Hands {@link #next} in: a read, a write or a flush. */
    void start(BlockRequest request, Fd file) {
        int slot = idle[--idleCount];
        switch (request.type()) {
            case BlockSpec.VIRTIO_BLK_T_IN -> ring.readv(file, request.data(), request.offset(), flags, slot);
            case BlockSpec.VIRTIO_BLK_T_OUT -> ring.writev(file, request.data(), request.offset(), flags, slot);
            default -> ring.fdatasync(file, slot);
        }
    }

    /** A request that has come back, with its result in {@link IoUring#result}; null when there is none. */
    @Nullable
    BlockRequest takeBack() {
        if (!ring.next()) {
            return null;
        }
        int slot = (int) ring.id();
        idle[idleCount++] = slot;
        return requests[slot];
    }

    @Override
    public void close() {
        ring.close();
    }
}
