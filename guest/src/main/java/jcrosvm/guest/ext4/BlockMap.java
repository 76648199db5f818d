package jcrosvm.guest.ext4;

import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/** Which blocks are taken. New ones come from behind the last ones, so that files lie in the order they were written. */
final class BlockMap {
    private final Geometry geometry;
    private final BitSet used;
    private int next;

    BlockMap(Geometry geometry) {
        this.geometry = geometry;
        this.used = new BitSet(geometry.blocks());
        for (int group = 0; group < geometry.groups(); group++) {
            used.set(geometry.firstBlock(group), geometry.firstDataBlock(group));
        }
    }

    /**
     * Takes blocks.
     *
     * @return in file order, as few extents as there can be without searching for large holes
     * @throws IOException if there are not enough
     */
    List<Extent> allocate(int count) throws IOException {
        List<Extent> extents = new ArrayList<>();
        int logical = 0;
        boolean wrapped = false;
        while (logical < count) {
            int start = used.nextClearBit(next);
            if (start >= geometry.blocks()) {
                if (wrapped) {
                    extents.forEach(this::free);
                    throw new IOException("the file system of " + geometry.blocks() / 256 + " MiB is full");
                }
                wrapped = true;
                next = 0;
                continue;
            }
            int end = used.nextSetBit(start);
            int room = (end < 0 ? geometry.blocks() : end) - start;
            int length = Math.min(Math.min(room, count - logical), Extent.MAX_LENGTH);
            used.set(start, start + length);
            extents.add(new Extent(logical, start, length));
            logical += length;
            next = start + length;
        }
        return extents;
    }

    void free(Extent extent) {
        used.clear(extent.start(), extent.start() + extent.length());
    }

    int freeBlocks() {
        return geometry.blocks() - used.cardinality();
    }

    int freeBlocks(int group) {
        int first = geometry.firstBlock(group);
        return Geometry.BLOCKS_PER_GROUP
                - used.get(first, first + Geometry.BLOCKS_PER_GROUP).cardinality();
    }

    /** The bitmap block of a group. */
    byte[] bitmap(int group) {
        int first = geometry.firstBlock(group);
        return java.util.Arrays.copyOf(
                used.get(first, first + Geometry.BLOCKS_PER_GROUP).toByteArray(), Geometry.BLOCK_SIZE);
    }
}
