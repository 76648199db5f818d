package jcrosvm.devices.block;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.OsException;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskFile;

/** A disk in memory that can be told to fail. */
final class MemoryDisk implements DiskFile {
    private final Set<Feature> features;
    private MemorySegment content;
    /** The errno of everything that is asked, 0 for none. */
    volatile int failure;

    final AtomicInteger flushes = new AtomicInteger();
    boolean closed;

    MemoryDisk(long length, Feature... features) {
        this.features = features.length == 0 ? EnumSet.allOf(Feature.class) : Set.of(features);
        content = Arena.ofAuto().allocate(length, 4096);
    }

    byte[] bytes(long offset, int length) {
        return content.asSlice(offset, length).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
    }

    @Override
    public Set<Feature> features() {
        return features;
    }

    @Override
    public synchronized long length() {
        return content.byteSize();
    }

    private void check(long offset, long length) {
        if (failure != 0) {
            throw new OsException("memory disk", failure);
        }
        if (offset < 0 || length < 0 || offset > content.byteSize() - length) {
            throw new IllegalArgumentException("outside of the disk");
        }
    }

    @Override
    public synchronized void read(long offset, IoVec into) {
        check(offset, into.length());
        into.copyIn(0, content, offset, into.length());
        into.clear();
    }

    @Override
    public synchronized void write(long offset, IoVec from) {
        check(offset, from.length());
        from.copyOut(0, content, offset, from.length());
        from.clear();
    }

    @Override
    public void flush() {
        check(0, 0);
        flushes.incrementAndGet();
    }

    @Override
    public synchronized void discard(long offset, long length) {
        check(offset, length);
        content.asSlice(offset, length).fill((byte) 0);
    }

    @Override
    public synchronized void writeZeroes(long offset, long length, boolean mayUnmap) {
        discard(offset, length);
    }

    @Override
    public synchronized void resize(long length) {
        check(0, 0);
        MemorySegment other = Arena.ofAuto().allocate(length, 4096);
        MemorySegment.copy(content, 0, other, 0, Math.min(length, content.byteSize()));
        content = other;
    }

    @Override
    public void close() {
        closed = true;
    }
}
