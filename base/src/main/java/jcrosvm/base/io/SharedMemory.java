package jcrosvm.base.io;

import java.lang.foreign.Arena;
import jcrosvm.base.Errno;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;

/** A memfd: memory with a descriptor, so that other processes can map it. Its size cannot change. */
public final class SharedMemory implements AutoCloseable {
    private static final int MFD_CLOEXEC = 1;
    private static final int MFD_ALLOW_SEALING = 2;
    private static final int MFD_HUGETLB = 4;
    private static final int F_ADD_SEALS = 1033;
    private static final int F_SEAL_SEAL_SHRINK_GROW = 1 | 2 | 4;

    private final Fd fd;
    private final long size;

    private SharedMemory(Fd fd, long size) {
        this.fd = fd;
        this.size = size;
    }

    /**
     * @param name shown in /proc/PID/maps
     * @param size bytes, a multiple of the page size
     */
    public static SharedMemory create(String name, long size) {
        return create(name, size, 0);
    }

    /** On hugetlbfs pages, which the administrator must have reserved. */
    public static SharedMemory createHugeTlb(String name, long size) {
        return create(name, size, MFD_HUGETLB);
    }

    private static SharedMemory create(String name, long size, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            int n = Libc.MEMFD_CREATE.callInt(
                    arena.allocateFrom(name).address(), MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
            Fd fd = Fd.adopt(Libc.check("memfd_create", n));
            try {
                fd.truncate(size);
                // A peer that could shrink the file would make our accesses fault.
                Libc.check("seal memfd", Libc.FCNTL.callInt(fd.number(), F_ADD_SEALS, F_SEAL_SEAL_SHRINK_GROW));
            } catch (OsException e) {
                fd.close();
                if (e.errno() == Errno.ENOMEM || e.errno() == Errno.EFBIG || e.errno() == Errno.EINVAL) {
                    String limit = e.errno() == Errno.EFBIG ? " within the limit on file sizes (ulimit -f)" : "";
                    throw new OsException("cannot create " + (size >> 20) + " MiB of shared memory" + limit, e.errno());
                }
                throw e;
            }
            return new SharedMemory(fd, size);
        }
    }

    public Fd fd() {
        return fd;
    }

    public long size() {
        return size;
    }

    /** Gives the range's pages back to the host; they read as zero from then on. */
    public void discard(long offset, long length) {
        fd.allocate(Fd.FALLOC_FL_PUNCH_HOLE | Fd.FALLOC_FL_KEEP_SIZE, offset, length);
    }

    @Override
    public void close() {
        fd.close();
    }
}
