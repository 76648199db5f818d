package jcrosvm.disk.raw;

import java.nio.file.Path;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.Predicate;
import jcrosvm.base.Errno;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.DiskRange;
import jcrosvm.disk.PlainFile;
import org.jspecify.annotations.Nullable;

/**
 * A disk whose bytes are those of a file. A file that does not end at a sector's end is padded with zeros to one, for
 * reading; writing there makes it longer. A file that becomes shorter while it is in use gives I/O errors (EIO) beyond
 * its end.
 */
public final class RawDisk implements DiskFile {
    private static final int SECTOR = 512;

    private final ImageFile file;
    private final @Nullable GuardedHead head;
    private final PlainFile plain;
    private final Set<Feature> features;
    private volatile long stored;
    private volatile long length;

    /** Takes ownership of the file. */
    public RawDisk(ImageFile file) {
        this(file, null);
    }

    /**
     * A disk that is taken for raw because of its first bytes; it refuses to be given others that say something else.
     *
     * @param length how many of them
     * @param isRaw what they say
     */
    public static RawDisk guessed(ImageFile file, int length, Predicate<byte[]> isRaw) {
        return new RawDisk(file, file.options().readOnly() ? null : new GuardedHead(file, length, isRaw));
    }

    private RawDisk(ImageFile file, @Nullable GuardedHead head) {
        this.file = file;
        this.head = head;
        plain = new PlainFile(file.fd(), head == null ? 0 : head.end());
        EnumSet<Feature> set = EnumSet.noneOf(Feature.class);
        if (!file.options().readOnly()) {
            set.add(Feature.WRITE);
            if (!file.isDevice()) {
                set.add(Feature.RESIZE);
            }
            if (file.options().sparse()) {
                set.add(Feature.DISCARD);
            }
        }
        features = Collections.unmodifiableSet(set);
        measured(file.size());
    }

    /** @throws jcrosvm.base.VmmException when it is missing, in use, or no file and no block device */
    public static RawDisk open(Path path, DiskOptions options) {
        return new RawDisk(ImageFile.open(path, options));
    }

    private void measured(long bytes) {
        stored = bytes;
        length = (bytes + SECTOR - 1) / SECTOR * SECTOR;
        file.limit(length);
    }

    /** The file underneath. */
    public ImageFile file() {
        return file;
    }

    @Override
    public Set<Feature> features() {
        return features;
    }

    @Override
    public long length() {
        return length;
    }

    @Override
    public void read(long offset, IoVec into) {
        DiskRange.require(this, offset, into.length());
        long end = offset + file.read(offset, into);
        if (into.length() > 0) {
            if (end < stored) {
                throw file.failure("read", end, Errno.EIO);
            }
            into.fill(0, into.length(), (byte) 0);
            into.consume(into.length());
        }
    }

    @Override
    public void write(long offset, IoVec from) {
        DiskRange.require(this, offset, from.length());
        long at = offset;
        if (head != null && at < head.end()) {
            at += head.write(at, from);
        }
        file.write(at, from);
    }

    @Override
    public void flush() {
        file.flush();
    }

    @Override
    public void discard(long offset, long count) {
        DiskRange.require(this, offset, count);
        // What a device holds after a discard is its own business; the head is not left to it.
        long kept = head != null && file.isDevice() ? Math.clamp(head.end() - offset, 0, count) : 0;
        file.discard(offset + kept, count - kept);
    }

    @Override
    public void writeZeroes(long offset, long count, boolean mayUnmap) {
        DiskRange.require(this, offset, count);
        file.writeZeroes(offset, count, mayUnmap);
    }

    @Override
    public void resize(long wanted) {
        if (file.options().readOnly()) {
            throw new DiskException("cannot resize " + file + ": it is open for reading only");
        }
        if (wanted < 0 || wanted % SECTOR != 0) {
            throw new DiskException("cannot resize " + file + " to " + wanted + " bytes: not a multiple of " + SECTOR);
        }
        if (!file.isDevice()) {
            file.truncate(wanted);
        } else if (wanted != file.size()) {
            throw new DiskException("cannot resize " + file + " to " + wanted + " bytes: it is a block device of "
                    + file.size() + " bytes");
        }
        measured(wanted);
    }

    @Override
    public @Nullable PlainFile plainFile() {
        return stored == length ? plain : null;
    }

    @Override
    public int alignment() {
        return file.alignment();
    }

    @Override
    public void close() {
        file.close();
    }

    @Override
    public String toString() {
        return "raw " + file;
    }
}
