package jcrosvm.disk.raw;

import java.nio.file.Path;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.RangeLock;
import jcrosvm.disk.DiskException;

/**
 * The lock of an image file, in the manner of QEMU (docs/interop, "image locking"), so that its programs and this one
 * see each other: one byte of the file stands for each thing that an opener does, one for each thing it cannot bear
 * others to do. Openers lock their bytes for sharing, then look for the opposite bytes of others. Two that come at once
 * may both be refused, never both admitted.
 *
 * <p>Readers share with readers; a writer is alone.
 */
final class ImageLock implements AutoCloseable {
    private static final int DOES = 100;
    private static final int DOES_NOT_BEAR = 200;

    private static final int READ = 0;
    private static final int WRITE = 1;
    private static final int RESIZE = 3;

    private final Fd file;

    private ImageLock(Fd file) {
        this.file = file;
    }

    /** @throws DiskException when another opener is in the way */
    static ImageLock take(Fd file, Path path, boolean readOnly) {
        ImageLock lock = new ImageLock(file);
        try {
            lock.share(path, DOES + READ);
            if (!readOnly) {
                lock.share(path, DOES + WRITE);
                lock.share(path, DOES + RESIZE);
            }
            lock.share(path, DOES_NOT_BEAR + WRITE);
            lock.share(path, DOES_NOT_BEAR + RESIZE);
            boolean isWritten =
                    RangeLock.isHeldByOthers(file, DOES + WRITE) || RangeLock.isHeldByOthers(file, DOES + RESIZE);
            boolean isUnwelcome = RangeLock.isHeldByOthers(file, DOES_NOT_BEAR + READ)
                    || !readOnly
                            && (RangeLock.isHeldByOthers(file, DOES_NOT_BEAR + WRITE)
                                    || RangeLock.isHeldByOthers(file, DOES_NOT_BEAR + RESIZE));
            if (isWritten || isUnwelcome) {
                throw inUse(path, readOnly, isWritten);
            }
            return lock;
        } catch (RuntimeException e) {
            lock.close();
            throw e;
        }
    }

    private void share(Path path, long offset) {
        int result = RangeLock.tryShare(file, offset);
        if (result == -Errno.EAGAIN) {
            throw inUse(path, false, true);
        }
        if (result < 0) {
            throw new OsException("cannot lock " + path + " (lock=false does without)", -result);
        }
    }

    private static DiskException inUse(Path path, boolean readOnly, boolean isWritten) {
        String how = isWritten ? "another program has it open to write" : "another program has it open to read";
        String wish = readOnly ? "read" : "write";
        return new DiskException("cannot open " + path + " to " + wish + " it: the image is in use, " + how
                + "; end that program, or use lock=false if it cannot do harm");
    }

    /** Unlocks; a descriptor that was inherited keeps its open file, and would keep the locks. */
    @Override
    public void close() {
        if (file.isOpen()) {
            for (int what = READ; what <= RESIZE; what++) {
                RangeLock.release(file, DOES + what);
                RangeLock.release(file, DOES_NOT_BEAR + what);
            }
        }
    }
}
