package jcrosvm.disk.composite;

import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskFile;

/** A range of a composite disk and the image that holds it. */
final class Part {
    final long start;
    final long end;
    private final DiskFile image;
    private final long imageOffset;
    private final boolean writable;
    /** Written since the last flush. */
    private final AtomicBoolean dirty = new AtomicBoolean();

    Part(long start, long end, DiskFile image, long imageOffset, boolean writable) {
        this.start = start;
        this.end = end;
        this.image = image;
        this.imageOffset = imageOffset;
        this.writable = writable;
    }

    boolean isWritable() {
        return writable;
    }

    boolean canDiscard() {
        return writable && image.features().contains(DiskFile.Feature.DISCARD);
    }

    private long inImage(long offset) {
        return offset - start + imageOffset;
    }

    void read(long offset, IoVec into) {
        image.read(inImage(offset), into);
    }

    void write(long offset, IoVec from) {
        try {
            image.write(inImage(offset), from);
        } finally {
            dirty.set(true);
        }
    }

    void discard(long offset, long length) {
        if (canDiscard()) {
            try {
                image.discard(inImage(offset), length);
            } finally {
                dirty.set(true);
            }
        }
    }

    void writeZeroes(long offset, long length, boolean mayUnmap) {
        try {
            image.writeZeroes(inImage(offset), length, mayUnmap);
        } finally {
            dirty.set(true);
        }
    }

    void flush() {
        if (dirty.getAndSet(false)) {
            try {
                image.flush();
            } catch (RuntimeException e) {
                dirty.set(true);
                throw e;
            }
        }
    }
}
