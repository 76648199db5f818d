package jcrosvm.bench;

import java.util.Set;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskFile;

/** A disk that does nothing, at once. */
final class NullDisk implements DiskFile {
    private final long length;

    NullDisk(long length) {
        this.length = length;
    }

    @Override
    public Set<Feature> features() {
        return Set.of(Feature.WRITE, Feature.DISCARD);
    }

    @Override
    public long length() {
        return length;
    }

    @Override
    public void read(long offset, IoVec into) {
        into.clear();
    }

    @Override
    public void write(long offset, IoVec from) {
        from.clear();
    }

    @Override
    public void flush() {}

    @Override
    public void discard(long offset, long count) {}

    @Override
    public void writeZeroes(long offset, long count, boolean mayUnmap) {}

    @Override
    public void resize(long newLength) {}

    @Override
    public void close() {}
}
