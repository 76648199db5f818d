package jcrosvm.disk.raw;

import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.FileStatus;
import jcrosvm.disk.DiskException;

/** Opens the file or device under an image. */
final class ImageFiles {
    private static final Pattern INHERITED = Pattern.compile("/(?:proc/self|dev)/fd/([0-9]{1,9})");
    private static final int O_ACCMODE = 3;

    private ImageFiles() {}

    /**
     * @param check gets the place of the file, symbolic links resolved, before it is opened, and may throw
     * @throws OsException when the operating system refuses
     * @throws DiskException when it is something that cannot be a disk
     */
    static Fd open(Path path, boolean readOnly, boolean direct, Consumer<Optional<Path>> check) {
        Matcher inherited = INHERITED.matcher(path.toString());
        Fd fd = inherited.matches()
                ? duplicate(path, Integer.parseInt(inherited.group(1)), readOnly, check)
                : find(path, readOnly, check);
        try {
            int flags = fd.statusFlags();
            setFlags(fd, path, direct, flags & ~Fd.O_NONBLOCK | (direct ? Fd.O_DIRECT : 0), flags);
            return fd;
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
    }

    // Opening does things to a FIFO or a device: first it is found, and looked at, and then that very file is opened.
    private static Fd find(Path path, boolean readOnly, Consumer<Optional<Path>> check) {
        try (Fd found = Fd.open(path, Fd.O_PATH)) {
            require(found, path, check);
            return Fd.open(found.link(), (readOnly ? Fd.O_RDONLY : Fd.O_RDWR) | Fd.O_NONBLOCK);
        } catch (OsException e) {
            throw new OsException("cannot open " + path, e.errno());
        }
    }

    private static void require(Fd file, Path path, Consumer<Optional<Path>> check) {
        switch (FileStatus.of(file).type()) {
            case REGULAR, BLOCK_DEVICE -> {}
            case DIRECTORY -> throw new DiskException("cannot open " + path + ": it is a directory, not an image");
            case OTHER ->
                throw new DiskException("cannot open " + path + ": a disk must be a regular file or a block device");
        }
        check.accept(file.place());
    }

    // The path names a descriptor of ours: opening it anew could need rights that we were not given.
    private static Fd duplicate(Path path, int number, boolean readOnly, Consumer<Optional<Path>> check) {
        Fd given = Fd.adopt(number);
        try {
            require(given, path, check);
            Fd fd = given.duplicate();
            int access = fd.statusFlags() & O_ACCMODE;
            if (access == Fd.O_WRONLY || access == Fd.O_RDONLY && !readOnly) {
                fd.close();
                throw new DiskException("cannot open " + path + ": the descriptor is open "
                        + (access == Fd.O_WRONLY ? "for writing only" : "for reading only; use ro=true"));
            }
            return fd;
        } catch (OsException e) {
            throw new OsException("cannot open " + path, e.errno());
        } finally {
            given.release();
        }
    }

    private static void setFlags(Fd fd, Path path, boolean direct, int wanted, int have) {
        if (wanted == have) {
            return;
        }
        try {
            fd.statusFlags(wanted);
        } catch (OsException e) {
            if (direct && e.errno() == Errno.EINVAL) {
                throw noDirect(path);
            }
            throw e;
        }
    }

    static DiskException noDirect(Path path) {
        return new DiskException(
                "cannot open " + path + " with direct=true: its file system has no direct I/O; use direct=false");
    }
}
