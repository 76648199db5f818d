package jcrosvm.disk;

import java.util.Set;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.IoVec;

/** A disk of a format that can only be read: all else is refused as by a read-only file system (EROFS). */
public abstract class ReadOnlyDisk implements DiskFile {
    private OsException refused(String what) {
        return new OsException("cannot " + what + " " + this + ", which can only be read", Errno.EROFS);
    }

    @Override
    public final Set<Feature> features() {
        return Set.of();
    }

    @Override
    public final void write(long offset, IoVec from) {
        throw refused("write");
    }

    @Override
    public final void flush() {}

    @Override
    public final void discard(long offset, long length) {
        throw refused("discard");
    }

    @Override
    public final void writeZeroes(long offset, long length, boolean mayUnmap) {
        throw refused("write");
    }

    @Override
    public final void resize(long length) {
        throw new DiskException("cannot resize " + this + ": this format can only be read");
    }
}
