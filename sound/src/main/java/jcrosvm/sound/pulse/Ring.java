package jcrosvm.sound.pulse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jcrosvm.base.io.IoVec;

/** Captured bytes that the driver has not taken. */
final class Ring {
    private final MemorySegment bytes;
    private long start;
    private long count;

    Ring(Arena arena, long capacity) {
        bytes = arena.allocate(capacity, 8);
    }

    long count() {
        return count;
    }

    void clear() {
        start = 0;
        count = 0;
    }

    /** @return whether there was room; otherwise none is added */
    boolean add(MemorySegment from, long offset, long length) {
        if (length > bytes.byteSize() - count) {
            return false;
        }
        long at = (start + count) % bytes.byteSize();
        long first = Math.min(length, bytes.byteSize() - at);
        MemorySegment.copy(from, offset, bytes, at, first);
        MemorySegment.copy(from, offset + first, bytes, 0, length - first);
        count += length;
        return true;
    }

    /** Moves the oldest bytes to the front of a list, at most as many as there are. */
    void take(IoVec into, long length) {
        long first = Math.min(length, bytes.byteSize() - start);
        into.copyIn(0, bytes, start, first);
        into.copyIn(first, bytes, 0, length - first);
        drop(length);
    }

    void drop(long length) {
        start = (start + length) % bytes.byteSize();
        count -= length;
    }
}
