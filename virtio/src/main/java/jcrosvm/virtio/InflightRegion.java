package jcrosvm.virtio;

import java.lang.foreign.MemorySegment;

/**
 * Memory in which a device notes which requests of a ring it has taken, and which outlives its process (vhost-user, "Inflight
 * I/O tracking"). A device that finds such notes works on these requests again, and loses or repeats none.
 *
 * <p>The notes rely on x86, which keeps the order of stores: a process that is killed has done all of them up to some point.
 * The other side can write the region, so that what is read from it is checked. When a queue stops with nothing in flight, its
 * notes are erased: where it goes on is the host's to say.
 */
public final class InflightRegion {
    private final MemorySegment region;

    /** @param region aligned to 8; zeros when nothing was noted ever */
    public InflightRegion(MemorySegment region) {
        this.region = region;
    }

    /** How long a region is for a ring of so many entries. */
    public static long bytes(int size, boolean isPacked) {
        return isPacked ? PackedInflight.bytes(size) : SplitInflight.bytes(size);
    }

    MemorySegment part(long bytes) {
        return region.asSlice(0, bytes);
    }
}
