package jcrosvm.devices.block;

/** How a disk's reads and writes are carried out. */
public enum AsyncExecutor {
    /** By system calls of the queue's thread, one after the other. */
    EPOLL,
    /**
     * By the kernel, many at a time (io_uring); a request that comes alone again and again, and images that are no plain
     * files, go on as with {@link #EPOLL}.
     */
    URING
}
