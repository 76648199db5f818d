package jcrosvm.disk.raw;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import jcrosvm.base.Errno;
import jcrosvm.base.io.BlockDevice;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.FileStatus;
import jcrosvm.base.io.IoVec;

/** What O_DIRECT demands of buffers, offsets and lengths, in one number. */
final class DirectAlignment {
    private static final int SECTOR = 512;
    private static final int PAGE = 4096;

    private DirectAlignment() {}

    /** @throws jcrosvm.disk.DiskException when the file cannot be used with O_DIRECT at all */
    static int of(Fd fd, Path path) {
        FileStatus status = FileStatus.of(fd);
        if (status.directKnown()) {
            int alignment = Math.max(status.directMemory(), status.directOffset());
            if (status.directOffset() == 0 || alignment > BounceBuffer.ALIGNMENT || Integer.bitCount(alignment) != 1) {
                throw ImageFiles.noDirect(path);
            }
            return Math.max(SECTOR, alignment);
        }
        if (status.type() == FileStatus.Type.BLOCK_DEVICE) {
            return Math.max(SECTOR, BlockDevice.logicalBlockSize(fd));
        }
        return probe(fd, path, status.size());
    }

    // Kernels before 6.1 do not say; a read that is refused does. Nothing is learnt from a file that has nothing to
    // read.
    private static int probe(Fd fd, Path path, long size) {
        try (Arena arena = Arena.ofConfined()) {
            IoVec vec = new IoVec(1);
            vec.add(arena.allocate(2L * PAGE, PAGE), SECTOR, SECTOR);
            if (size >= SECTOR && fd.tryPreadv(vec, 0) >= 0) {
                return SECTOR;
            }
            vec.clear();
            vec.add(arena.allocate(PAGE, PAGE), 0, PAGE);
            if (fd.tryPreadv(vec, 0) == -Errno.EINVAL) {
                throw ImageFiles.noDirect(path);
            }
            return PAGE;
        }
    }
}
