package jcrosvm.disk.io;

import java.lang.foreign.Arena;
import java.util.Set;
import jcrosvm.base.io.IoUring;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.PlainFile;
import org.jspecify.annotations.Nullable;

/** A disk whose file's pages leave the host's cache as soon as they have been read or written ({@code dontcache}). */
public final class UncachedDisk implements DiskFile {
    private static final int PROBE = 512;

    private final DiskFile disk;

    public UncachedDisk(DiskFile disk) {
        this.disk = disk;
    }

    /** Whether kernel and file system can do that for this disk. */
    public static boolean isPossible(DiskFile disk) {
        PlainFile file = disk.plainFile();
        if (file == null || disk.length() < PROBE) {
            return false;
        }
        try (Arena arena = Arena.ofConfined()) {
            IoVec piece = new IoVec(1);
            piece.add(arena.allocate(PROBE, PROBE), 0, PROBE);
            return file.fd().tryPreadv2(piece, 0, IoUring.RWF_DONTCACHE) == PROBE;
        }
    }

    @Override
    public Set<Feature> features() {
        return disk.features();
    }

    @Override
    public long length() {
        return disk.length();
    }

    @Override
    public void read(long offset, IoVec into) {
        PlainFile file = disk.plainFile();
        long done = file == null ? 0 : Math.max(0, file.fd().tryPreadv2(into, offset, IoUring.RWF_DONTCACHE));
        into.consume(done);
        if (into.length() > 0) {
            disk.read(offset + done, into); // which knows what to make of the end of the file, and of errors
        }
    }

    @Override
    public void write(long offset, IoVec from) {
        PlainFile file = disk.plainFile();
        long done = file == null || offset < file.writableFrom()
                ? 0
                : Math.max(0, file.fd().tryPwritev2(from, offset, IoUring.RWF_DONTCACHE));
        from.consume(done);
        if (from.length() > 0) {
            disk.write(offset + done, from);
        }
    }

    @Override
    public void flush() {
        disk.flush();
    }

    @Override
    public void discard(long offset, long length) {
        disk.discard(offset, length);
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) {
        disk.writeZeroes(offset, length, mayUnmap);
    }

    @Override
    public void resize(long length) {
        disk.resize(length);
    }

    @Override
    public @Nullable PlainFile plainFile() {
        return disk.plainFile();
    }

    @Override
    public int alignment() {
        return disk.alignment();
    }

    @Override
    public void close() {
        disk.close();
    }
}
