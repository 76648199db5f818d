package jcrosvm.disk.raw;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jcrosvm.base.io.IoVec;

/**
 * What a thread needs for transfers whose own memory will not do: an aligned buffer, a list to pass it on with, and
 * zeros to write. Made on a thread's first such transfer.
 */
final class BounceBuffer {
    static final int SIZE = 256 << 10;
    static final int ALIGNMENT = 64 << 10;
    private static final int ZERO_PIECES = 16;

    private static final ThreadLocal<BounceBuffer> OF_THREAD = ThreadLocal.withInitial(BounceBuffer::new);
    private static final MemorySegment ZEROS =
            Arena.global().allocate(64 << 10, ALIGNMENT).asReadOnly();

    final MemorySegment memory = Arena.ofAuto().allocate(SIZE, ALIGNMENT);
    private final IoVec vec = new IoVec(1);
    /** Apart: zeros may have to go through the buffer themselves. */
    private final IoVec zeros = new IoVec(ZERO_PIECES);

    private BounceBuffer() {}

    static BounceBuffer ofThread() {
        return OF_THREAD.get();
    }

    /** A list of the buffer's bytes from one on. */
    IoVec part(long from, long length) {
        vec.clear();
        vec.add(memory, from, length);
        return vec;
    }

    /** A list of up to {@code length} zeros, 1 MiB at most; a multiple of the page size if {@code length} is. */
    IoVec zeros(long length) {
        zeros.clear();
        for (long left = length; left > 0 && zeros.count() < ZERO_PIECES; ) {
            long n = Math.min(left, ZEROS.byteSize());
            zeros.add(ZEROS, 0, n);
            left -= n;
        }
        return zeros;
    }
}
