package jcrosvm.unpack;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What has come out so far. Kernels are compressed with windows as large as they are, so all of it is kept, but outside
 * the Java heap, which would not shrink again; only the recent part, which most matches refer to, is in an array.
 */
final class ZstdHistory implements AutoCloseable {
    private static final int KEPT = 1 << 20;
    private static final int CAPACITY = 2 * KEPT;

    private final Arena arena = Arena.ofConfined();
    private final long limit;
    private final MemorySegment all;
    /** The end of the output; block by block it is copied to {@link #all} unless all of it has room here. */
    final byte[] recent;

    /** Index in {@link #recent} behind the last byte. */
    int end;

    private int blockStart;
    /** Bytes before {@code recent[0]}. */
    private long before;

    ZstdHistory(long capacity) {
        limit = capacity;
        boolean isSmall = capacity <= CAPACITY - ZstdInputStream.BLOCK_MAX;
        recent = new byte[isSmall ? (int) capacity + ZstdInputStream.BLOCK_MAX : CAPACITY];
        all = isSmall ? MemorySegment.NULL : arena.allocate(capacity);
    }

    /** Makes room for a block; returns the index of its first byte. */
    int begin() {
        if (end > recent.length - ZstdInputStream.BLOCK_MAX) {
            System.arraycopy(recent, end - KEPT, recent, 0, KEPT);
            before += end - KEPT;
            end = KEPT;
        }
        blockStart = end;
        return end;
    }

    /** Keeps what was written since {@link #begin}. */
    void keep() throws IOException {
        int length = end - blockStart;
        if (before + end > limit) {
            throw new IOException("more than the " + limit + " bytes that are allowed come out");
        }
        if (all.byteSize() == 0) {
            return;
        }
        MemorySegment.copy(recent, blockStart, all, ValueLayout.JAVA_BYTE, before + blockStart, length);
    }

    /** Repeats what is {@code distance} back; the block has room for it. */
    void repeat(int distance, int length) throws IOException {
        int to = end;
        if (distance <= to) {
            Lz4InputStream.copy(recent, to - distance, to, length);
        } else {
            // So far back that it ends before this block, and is in memory.
            long from = before + to - distance;
            if (from < 0) {
                throw ZstdInputStream.damaged();
            }
            MemorySegment.copy(all, ValueLayout.JAVA_BYTE, from, recent, to, length);
        }
        end = to + length;
    }

    @Override
    public void close() {
        arena.close();
    }
}
