package jcrosvm.guest.ext4;

import java.nio.ByteBuffer;

/**
 * Consecutive blocks of a file.
 *
 * @param logical first block, counted within the file
 * @param start first block, counted within the file system
 * @param length in blocks, at most {@link #MAX_LENGTH}
 */
record Extent(int logical, int start, int length) {
    /** More would say that the blocks are allocated, but not written. */
    static final int MAX_LENGTH = 32768;

    /** Bytes of a header, of an extent, and of an index entry in an extent tree, all alike. */
    static final int ENTRY_SIZE = 12;

    private static final short MAGIC = (short) 0xf30a;

    static void header(ByteBuffer into, int entries, int capacity, int depth) {
        into.putShort(MAGIC)
                .putShort((short) entries)
                .putShort((short) capacity)
                .putShort((short) depth)
                .putInt(0);
    }

    void write(ByteBuffer into) {
        into.putInt(logical).putShort((short) length).putShort((short) 0).putInt(start);
    }

    /** An entry that leads to a block with more extents, the first of which is this one. */
    void writeIndex(ByteBuffer into, int leaf) {
        into.putInt(logical).putInt(leaf).putShort((short) 0).putShort((short) 0);
    }
}
