package jcrosvm.memory;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A binary search tree of regions. All fields are final, so a thread that reads a root without synchronization sees the
 * whole tree (JLS 17.5).
 */
final class RegionNode {
    final long address;
    final MemorySegment segment;
    private final long size;
    private final @Nullable RegionNode below;
    private final @Nullable RegionNode above;

    private RegionNode(MappedRegion middle, @Nullable RegionNode below, @Nullable RegionNode above) {
        address = middle.region().address();
        size = middle.region().size();
        segment = middle.segment();
        this.below = below;
        this.above = above;
    }

    /** The tree of regions, ascending by address; null for none. */
    static @Nullable RegionNode of(List<MappedRegion> regions) {
        if (regions.isEmpty()) {
            return null;
        }
        int middle = (regions.size() - 1) / 2; // of two the lower: guests use their low memory more
        return new RegionNode(
                regions.get(middle), of(regions.subList(0, middle)), of(regions.subList(middle + 1, regions.size())));
    }

    /** The region that a range is within, or null. */
    static @Nullable RegionNode find(@Nullable RegionNode root, long at, long length) {
        RegionNode node = root;
        while (node != null && !node.contains(at, length)) {
            node = at < node.address ? node.below : node.above;
        }
        return node;
    }

    private boolean contains(long at, long length) {
        long offset = at - address;
        return (offset | length) >= 0 && offset <= size - length;
    }
}
