package jcrosvm.devices.block;

import jcrosvm.base.VmmException;
import jcrosvm.base.io.IoUring;
import jcrosvm.disk.DiskFile;

/** How a disk's reads and writes are carried out. */
public enum AsyncExecutor {
    /** By system calls of the queue's thread, one after the other. */
    EPOLL,
    /**
     * By the kernel, many at a time (io_uring); a request that comes alone again and again, and images that are no plain
     * files, go on as with {@link #EPOLL}.
     */
    URING;

    /**
     * Whether a disk is to work by {@link #URING}: when it is asked to, and by default where it wins, which is where requests
     * wait for the disk and not for the processor.
     *
     * @throws VmmException it is asked to and this host cannot: the user learns it now, not a guest later
     */
    static boolean isUring(BlockConfig settings, DiskFile disk) {
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
}
