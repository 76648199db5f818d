package jcrosvm.base.io;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import jcrosvm.base.Errno;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;

/** An owned file descriptor, close-on-exec. Closing twice is harmless; use after close is an IllegalStateException. */
public final class Fd implements AutoCloseable {
    public static final int O_RDONLY = 0;
    public static final int O_WRONLY = 1;
    public static final int O_RDWR = 2;
    public static final int O_CREAT = 0x40;
    public static final int O_EXCL = 0x80;
    public static final int O_NOCTTY = 0x100;
    public static final int O_TRUNC = 0x200;
    public static final int O_APPEND = 0x400;
    public static final int O_NONBLOCK = 0x800;
    public static final int O_CLOEXEC = 0x80000;
    /** Finds a file without opening it: the descriptor says what and where it is, and does nothing to a device. */
    public static final int O_PATH = 0x200000;

    /** Bypasses the page cache; one of the few flags whose value depends on the architecture. */
    public static final int O_DIRECT = System.getProperty("os.arch").equals("aarch64") ? 0x10000 : 0x4000;

    public static final int FALLOC_FL_KEEP_SIZE = 1;
    public static final int FALLOC_FL_PUNCH_HOLE = 2;
    public static final int FALLOC_FL_ZERO_RANGE = 16;

    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int F_GETFL = 3;
    private static final int F_SETFL = 4;
    private static final int IOV_MAX = 1024;

    private static final VarHandle NUMBER;

    static {
        try {
            NUMBER = MethodHandles.lookup().findVarHandle(Fd.class, "number", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private volatile int number;

    private Fd(int number) {
        this.number = number;
    }

    /** Takes ownership of a descriptor number that this process holds. */
    public static Fd adopt(int number) {
        if (number < 0) {
            throw new IllegalArgumentException("descriptor " + number);
        }
        return new Fd(number);
    }

    /**
     * Opens a file.
     *
     * @param flags O_ constants; O_CLOEXEC is always added
     * @param mode permissions of a file that is created
     * @throws OsException naming the path
     */
    public static Fd open(Path path, int flags, int mode) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(path.toString());
            int fd;
            do {
                fd = Libc.OPEN.callInt(name.address(), flags | O_CLOEXEC, mode);
            } while (fd < 0 && Libc.errno() == Errno.EINTR);
            return new Fd(Libc.check("cannot open " + path, fd));
        }
    }

    public static Fd open(Path path, int flags) {
        return open(path, flags, 0);
    }

    /** The number to hand to the operating system. */
    public int number() {
        int n = number;
        if (n < 0) {
            throw new IllegalStateException("descriptor is closed");
        }
        return n;
    }

    public boolean isOpen() {
        return number >= 0;
    }

    /** A second descriptor for the same open file. */
    public Fd duplicate() {
        return new Fd(Libc.check("dup", Libc.FCNTL.callInt(number(), F_DUPFD_CLOEXEC, 3)));
    }

    public boolean isTerminal() {
        return Libc.ISATTY.callInt(number()) == 1;
    }

    /** Sets or clears O_NONBLOCK, which all duplicates of the open file share. */
    public void nonBlocking(boolean on) {
        int flags = statusFlags();
        statusFlags(on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
    }

    /** The absolute path of the open file, without symbolic links; empty if it has none (any more). */
    public Optional<Path> place() {
        try {
            Path place = Files.readSymbolicLink(link());
            // The kernel marks what has no name by text that could be a name.
            return place.isAbsolute() && place.toRealPath().equals(place) ? Optional.of(place) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** A path by which this process can open the same file anew, whatever its name stands for by now. */
    public Path link() {
        return Path.of("/proc/self/fd/" + number());
    }

    /** How the open file was opened: O_ constants, the access mode in the two lowest bits. */
    public int statusFlags() {
        return Libc.check("fcntl F_GETFL", Libc.FCNTL.callInt(number(), F_GETFL, 0));
    }

    /** Sets those of them that can change: O_APPEND, O_DIRECT, O_NONBLOCK. All duplicates share them. */
    public void statusFlags(int flags) {
        Libc.check("fcntl F_SETFL", Libc.FCNTL.callInt(number(), F_SETFL, flags));
    }

    /** Raw ioctl with an integer argument: the result, or the negated errno. For callers that expect failures. */
    public int tryIoctl(long request, long argument) {
        int r = Libc.IOCTL.callInt(number(), request, argument);
        return r < 0 ? -Libc.errno() : r;
    }

    /**
     * @param name the request's name, for the message of a failure
     * @return what the ioctl returned, not negative
     */
    public int ioctl(String name, long request, long argument) {
        int r = tryIoctl(request, argument);
        if (r < 0) {
            throw new OsException(name, -r);
        }
        return r;
    }

    /** An ioctl that reads or writes the structure in {@code argument}. */
    public int ioctl(String name, long request, MemorySegment argument) {
        try {
            return ioctl(name, request, argument.address());
        } finally {
            java.lang.ref.Reference.reachabilityFence(argument);
        }
    }

    public int tryIoctl(long request, MemorySegment argument) {
        try {
            return tryIoctl(request, argument.address());
        } finally {
            java.lang.ref.Reference.reachabilityFence(argument);
        }
    }

    /** Reads up to the segment's size at the file position: bytes read, 0 at the end of the file. */
    public long read(MemorySegment into) {
        return transfer("read", Libc.READ, into, -1);
    }

    /** Writes from the segment at the file position: bytes written, at least 1. */
    public long write(MemorySegment from) {
        return transfer("write", Libc.WRITE, from, -1);
    }

    public long pread(MemorySegment into, long position) {
        return transfer("pread", Libc.PREAD, into, position);
    }

    public long pwrite(MemorySegment from, long position) {
        return transfer("pwrite", Libc.PWRITE, from, position);
    }

    private long transfer(String call, Libc function, MemorySegment segment, long position) {
        try {
            while (true) {
                long n = function.call(number(), segment.address(), segment.byteSize(), position);
                if (n >= 0) {
                    return n;
                }
                int errno = Libc.errno();
                if (errno != Errno.EINTR) {
                    throw new OsException(call, errno);
                }
            }
        } finally {
            java.lang.ref.Reference.reachabilityFence(segment);
        }
    }

    /** Writes all of it. */
    public void writeFully(MemorySegment from) {
        for (long done = 0; done < from.byteSize(); ) {
            done += write(from.asSlice(done));
        }
    }

    public void writeFully(byte[] bytes) {
        try (Arena arena = Arena.ofConfined()) {
            writeFully(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
        }
    }

    /** Reads into all segments in order, starting at {@code position}: bytes read, less than asked at the end. */
    public long preadv(List<MemorySegment> into, long position) {
        return vectored("preadv", Libc.PREADV, into, position);
    }

    public long pwritev(List<MemorySegment> from, long position) {
        return vectored("pwritev", Libc.PWRITEV, from, position);
    }

    private long vectored(String call, Libc function, List<MemorySegment> segments, long position) {
        int count = Math.min(segments.size(), IOV_MAX);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment iov = arena.allocate(16L * Math.max(1, count), 8);
            for (int i = 0; i < count; i++) {
                iov.set(ValueLayout.JAVA_LONG, 16L * i, segments.get(i).address());
                iov.set(ValueLayout.JAVA_LONG, 16L * i + 8, segments.get(i).byteSize());
            }
            while (true) {
                long n = function.call(number(), iov.address(), count, position);
                if (n >= 0) {
                    return n;
                }
                int errno = Libc.errno();
                if (errno != Errno.EINTR) {
                    throw new OsException(call, errno);
                }
            }
        } finally {
            java.lang.ref.Reference.reachabilityFence(segments);
        }
    }

    /** Reads at the file position: bytes read, or the negated errno. Allocates nothing. */
    public long tryReadv(IoVec into) {
        return tryVectored(Libc.READV, into, 0);
    }

    /** Writes at the file position: bytes written, or the negated errno. Allocates nothing. */
    public long tryWritev(IoVec from) {
        return tryVectored(Libc.WRITEV, from, 0);
    }

    /** Reads at a position: bytes read, which may be fewer than asked, or the negated errno. Allocates nothing. */
    public long tryPreadv(IoVec into, long position) {
        return tryVectored(Libc.PREADV, into, position);
    }

    /** Writes at a position: bytes written, which may be fewer than asked, or the negated errno. Allocates nothing. */
    public long tryPwritev(IoVec from, long position) {
        return tryVectored(Libc.PWRITEV, from, position);
    }

    /** As {@link #tryPreadv}, with flags RWF_*. */
    public long tryPreadv2(IoVec into, long position, int flags) {
        return tryVectored(Libc.PREADV2, into, position, flags);
    }

    /** As {@link #tryPwritev}, with flags RWF_*. */
    public long tryPwritev2(IoVec from, long position, int flags) {
        return tryVectored(Libc.PWRITEV2, from, position, flags);
    }

    private long tryVectored(Libc function, IoVec vec, long position) {
        return tryVectored(function, vec, position, 0);
    }

    private long tryVectored(Libc function, IoVec vec, long position, int flags) {
        try {
            while (true) {
                long n = function.call(number(), vec.address(), vec.count(), position, flags, 0, 0);
                if (n >= 0) {
                    return n;
                }
                int errno = Libc.errno();
                if (errno != Errno.EINTR) {
                    return -errno;
                }
            }
        } finally {
            java.lang.ref.Reference.reachabilityFence(vec);
        }
    }

    public void truncate(long size) {
        Libc.check("ftruncate", Libc.FTRUNCATE.callInt(number(), size));
    }

    /** Frees or reserves a range without changing the file's size, as {@code flags} (FALLOC_FL_*) say. */
    public void allocate(int flags, long offset, long length) {
        Libc.check("fallocate", Libc.FALLOCATE.callInt(number(), flags, offset, length));
    }

    /** Like {@link #allocate}, for callers that expect failures: 0, or the negated errno. Allocates no memory. */
    public int tryAllocate(int flags, long offset, long length) {
        while (true) {
            if (Libc.FALLOCATE.callInt(number(), flags, offset, length) == 0) {
                return 0;
            }
            int errno = Libc.errno();
            if (errno != Errno.EINTR) {
                return -errno;
            }
        }
    }

    /** Size in bytes of a regular file or block device; the position moves to its end. */
    public long size() {
        return Libc.check("lseek", Libc.LSEEK.call(number(), 0, 2));
    }

    /** Makes data (and, unless {@code dataOnly}, metadata) durable. */
    public void sync(boolean dataOnly) {
        Libc.check("fsync", dataOnly ? Libc.FDATASYNC.callInt(number()) : Libc.FSYNC.callInt(number()));
    }

    /** Gives up ownership: the caller must close the number. */
    public int release() {
        int n = (int) NUMBER.getAndSet(this, -1);
        if (n < 0) {
            throw new IllegalStateException("descriptor is closed");
        }
        return n;
    }

    @Override
    public void close() {
        int n = (int) NUMBER.getAndSet(this, -1);
        if (n >= 0) {
            Libc.CLOSE.callInt(n);
        }
    }

    @Override
    public String toString() {
        return "fd " + number;
    }
}
