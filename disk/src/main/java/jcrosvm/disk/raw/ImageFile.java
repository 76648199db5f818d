package jcrosvm.disk.raw;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import jcrosvm.base.Errno;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;
import jcrosvm.base.io.BlockDevice;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.FileStatus;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskOptions;
import org.jspecify.annotations.Nullable;

/**
 * The file or block device that an image is kept in: transfers of whole lists at any offset, which may make the file
 * longer. Thread-safe like a {@link jcrosvm.disk.DiskFile}, and with its errors; transfers allocate nothing.
 */
public final class ImageFile implements AutoCloseable {
    private final Path path;
    private final Fd fd;
    private final DiskOptions options;
    private final @Nullable ImageLock lock;
    private final boolean isDevice;
    private final int deviceBlock;
    private final int alignment;
    private final TableMemory memory = new TableMemory();
    private final PartialBlocks partial;
    private volatile boolean canDiscard;
    private volatile boolean canZeroRange = true;
    private volatile boolean canPunchHole = true;
    private boolean detached;

    private ImageFile(Path path, Fd fd, DiskOptions options) {
        this.path = path;
        this.fd = fd;
        this.options = options;
        isDevice = FileStatus.of(fd).type() == FileStatus.Type.BLOCK_DEVICE;
        deviceBlock = isDevice ? BlockDevice.logicalBlockSize(fd) : 1;
        alignment = options.direct() ? DirectAlignment.of(fd, path) : 1;
        partial = new PartialBlocks(path, fd, alignment);
        canDiscard = options.sparse();
        lock = options.lock() ? ImageLock.take(fd, path, options.readOnly()) : null;
    }

    /**
     * Opens and locks it. A path {@code /proc/self/fd/N} takes the descriptor N of this process.
     *
     * @throws OsException when the operating system refuses
     * @throws DiskException when it is in use, or no file and no block device
     */
    public static ImageFile open(Path path, DiskOptions options) {
        return open(path, options, place -> {});
    }

    /**
     * Opens and locks it if it is where it may be.
     *
     * @param check gets the place of the file, symbolic links resolved, before it is opened, and may throw
     */
    public static ImageFile open(Path path, DiskOptions options, Consumer<Optional<Path>> check) {
        Fd fd = ImageFiles.open(path, options.readOnly(), options.direct(), check);
        try {
            return new ImageFile(path, fd, options);
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
    }

    /**
     * A file that is open already, as {@link #detach} gave it away, perhaps in another process: its locks are there, and
     * are the file's own.
     *
     * @param path for messages
     * @param fd owned by the file from here on, but not when this throws
     * @param options as it was opened with
     */
    public static ImageFile of(Path path, Fd fd, DiskOptions options) {
        return new ImageFile(path, fd, options);
    }

    /**
     * Makes an empty file, or empties the one that is there, which must not be in use.
     *
     * @throws OsException when the operating system refuses
     * @throws DiskException when it is in use, or no regular file
     */
    public static ImageFile create(Path path) {
        Fd.open(path, Fd.O_RDWR | Fd.O_CREAT | Fd.O_NONBLOCK, 0666).close();
        ImageFile file = open(path, DiskOptions.DEFAULT);
        try {
            if (file.isDevice) {
                throw new DiskException("cannot create " + path + ": it is a block device");
            }
            file.truncate(0);
            return file;
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    public Path path() {
        return path;
    }

    public DiskOptions options() {
        return options;
    }

    /** The descriptor, for transfers that bypass this class. */
    public Fd fd() {
        return fd;
    }

    /** The folder that the file is in, symbolic links resolved; none if it is a device, has no name, or is at the root. */
    public Optional<Path> folder() {
        return isDevice ? Optional.empty() : fd.place().map(Path::getParent).filter(p -> p.getNameCount() > 0);
    }

    public boolean isDevice() {
        return isDevice;
    }

    /** Bytes in it now. */
    public long size() {
        return fd.size();
    }

    /** What transfers that bypass this class must be aligned to. */
    public int alignment() {
        return alignment;
    }

    /**
     * Counts heap that the image's tables take until the file is closed, before it is allocated.
     *
     * @param bytes negative to give some back
     * @throws DiskException when the tables of all open images would take too much
     */
    public void reserve(long bytes) {
        memory.take(this, bytes);
    }

    /** What was {@link #reserve reserved} and not given back. */
    public long reserved() {
        return memory.taken();
    }

    /** No block that is written in part may make the file longer than this. */
    void limit(long bytes) {
        partial.limit(bytes);
    }

    /**
     * Fills the list as far as the file goes.
     *
     * @return bytes read; fewer than asked only at the end of the file, and the list keeps what is missing
     */
    public long read(long offset, IoVec into) {
        long at = offset;
        while (into.length() > 0) {
            if (!isAligned(at, into)) {
                return (at - offset) + partial.read(at, into);
            }
            long n = checked("read", at, fd.tryPreadv(into, at));
            if (n == 0) {
                break;
            }
            into.consume(n);
            at += n;
        }
        return at - offset;
    }

    /**
     * Bytes of a header or table.
     *
     * @throws DiskException when the file ends before
     */
    public byte[] bytes(long offset, int length) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(Math.max(1, length));
            IoVec vec = new IoVec(1);
            vec.add(memory, 0, length);
            if (read(offset, vec) < length) {
                throw new DiskException(path + " ends before byte " + (offset + length) + ": the image is cut off");
            }
            return memory.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** Writes the whole list. */
    public void write(long offset, IoVec from) {
        long at = offset;
        while (from.length() > 0) {
            if (!isAligned(at, from)) {
                partial.write(at, from);
                return;
            }
            long n = checked("write", at, fd.tryPwritev(from, at));
            if (n == 0) {
                throw failure("write", at, Errno.EIO);
            }
            from.consume(n);
            at += n;
        }
    }

    /** Returns when everything written so far survives a power failure. */
    public void flush() {
        if (!options.readOnly()) {
            int result = Libc.FDATASYNC.callInt(fd.number());
            if (result < 0) {
                throw new OsException("cannot flush " + path, Libc.errno());
            }
        }
    }

    /** Gives the space of a range back if that is easy. */
    public void discard(long offset, long length) {
        if (!canDiscard || length == 0) {
            return;
        }
        int result;
        if (isDevice) {
            long start = PartialBlocks.roundUp(offset, deviceBlock);
            long end = (offset + length) / deviceBlock * deviceBlock;
            result = end > start ? BlockDevice.tryDiscard(fd, start, end - start) : 0;
        } else {
            result = fd.tryAllocate(Fd.FALLOC_FL_PUNCH_HOLE | Fd.FALLOC_FL_KEEP_SIZE, offset, length);
        }
        if (isUnsupported(result)) {
            canDiscard = false;
        } else {
            checked("discard", offset, result);
        }
    }

    /** Makes a range read as zeros, the file no longer than it is. */
    public void writeZeroes(long offset, long length, boolean mayUnmap) {
        long end = Math.min(offset + length, size());
        if (end <= offset) {
            return;
        }
        boolean unmap = mayUnmap && options.sparse();
        if (unmap && punch(offset, end - offset) || zeroRange(offset, end - offset)) {
            return;
        }
        for (long at = offset; at < end; ) {
            IoVec zeros = BounceBuffer.ofThread().zeros(end - at);
            long n = zeros.length();
            write(at, zeros);
            at += n;
        }
    }

    private boolean punch(long offset, long length) {
        if (canPunchHole) {
            int result = fd.tryAllocate(Fd.FALLOC_FL_PUNCH_HOLE | Fd.FALLOC_FL_KEEP_SIZE, offset, length);
            if (result == 0) {
                return true;
            }
            canPunchHole = !isUnsupported(result);
        }
        return false;
    }

    // A refusal of any kind is not the end: writing zeros says what is wrong, if anything is.
    private boolean zeroRange(long offset, long length) {
        if (canZeroRange) {
            int result = fd.tryAllocate(Fd.FALLOC_FL_ZERO_RANGE | Fd.FALLOC_FL_KEEP_SIZE, offset, length);
            if (result == 0) {
                return true;
            }
            canZeroRange = !isUnsupported(result);
        }
        return false;
    }

    private static boolean isUnsupported(int result) {
        return result == -Errno.ENOTSUP || result == -Errno.ENOSYS || result == -Errno.ENOTTY;
    }

    /** Makes a regular file longer or shorter; its new bytes are a hole, or are allocated unless the image is sparse. */
    public void truncate(long size) {
        long old = size();
        if (Libc.FTRUNCATE.callInt(fd.number(), size) < 0) {
            throw new OsException("cannot make " + path + " " + size + " bytes long", Libc.errno());
        }
        if (size > old && !options.sparse()) {
            int result = fd.tryAllocate(0, old, size - old);
            if (result < 0 && !isUnsupported(result)) {
                Libc.FTRUNCATE.callInt(fd.number(), old);
                throw new OsException("cannot make " + path + " " + size + " bytes long", -result);
            }
        }
    }

    private boolean isAligned(long offset, IoVec vec) {
        return alignment == 1 || (offset & alignment - 1) == 0 && vec.isAligned(alignment);
    }

    private long checked(String what, long offset, long result) {
        return TransferError.check(what, path, offset, result);
    }

    /** The exception for a transfer that failed. */
    OsException failure(String what, long offset, int errno) {
        return TransferError.of(what, path, offset, errno);
    }

    /** Gives the descriptor away, with its locks: this object is done with, and closing it does nothing. */
    public Fd detach() {
        memory.close();
        detached = true;
        return fd;
    }

    /** Unlocks and closes it; twice is harmless. */
    @Override
    public void close() {
        if (detached) {
            return;
        }
        if (lock != null) {
            lock.close();
        }
        memory.close();
        fd.close();
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
