package jcrosvm.memory;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/** The regions of a guest, which come and go while other threads look addresses up without a lock. */
abstract sealed class RegionTable implements AutoCloseable permits GuestMemory {
    /** Regions at most: as many as KVM had memory slots for in all its versions. */
    public static final int MAX_REGIONS = 509;

    private final GuestMemory.Options options;
    private final List<MappedRegion> mapped = new ArrayList<>(); // ascending by address; guarded by this
    private volatile List<MemoryRegion> regions = List.of();

    /**
     * Not volatile, which would cost each access two nanoseconds: a thread that sees an old tree finds pages that are
     * the region's still, or zeros.
     */
    private @Nullable RegionNode root;

    private boolean closed; // guarded by this

    RegionTable(GuestMemory.Options options) {
        this.options = options;
    }

    /**
     * Makes a region accessible; it does not appear in a VM by that. On success the descriptor belongs to this memory,
     * which closes it when the region is removed.
     *
     * @throws VmmException when the region is not of whole pages, overlaps another, is not within its file, cannot be
     *     mapped, or is one too many
     * @throws IllegalStateException when the memory is closed
     */
    public final synchronized void add(MemoryRegion region) {
        if (closed) {
            throw new IllegalStateException("guest memory is closed");
        }
        if (mapped.size() == MAX_REGIONS) {
            throw new VmmException(region + " is one more than the " + MAX_REGIONS + " regions that a guest may have");
        }
        for (MemoryRegion other : regions) {
            if (region.address() < other.end() && other.address() < region.end()) {
                throw new VmmException(region + " overlaps " + other);
            }
        }
        mapped.add(MappedRegion.of(region, options));
        mapped.sort(Comparator.comparingLong(one -> one.region().address()));
        changed();
    }

    /**
     * Takes a region away and closes its descriptor. When this returns, no access of any thread reaches its pages any
     * more, and those that begin after that are a {@link GuestMemoryException}. Before, the caller takes the region from
     * those that know its host address: the {@code Vm}, the kernel's vhost.
     *
     * @throws IllegalArgumentException when it is none of {@link #regions}
     */
    public final synchronized void remove(MemoryRegion region) {
        MappedRegion gone = mapped.stream()
                .filter(one -> one.region().equals(region))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("there is no " + region));
        mapped.remove(gone);
        changed();
        gone.retire();
    }

    private void changed() {
        regions = mapped.stream().map(MappedRegion::region).toList();
        root = RegionNode.of(mapped);
    }

    /** The regions of now, ascending by address. */
    public final List<MemoryRegion> regions() {
        return regions;
    }

    /** Bytes of all regions. */
    public final long size() {
        return regions.stream().mapToLong(MemoryRegion::size).sum();
    }

    /** Whether the whole range is within one region; an empty range is, if it begins in one or at its end. */
    public final boolean contains(long address, long length) {
        return RegionNode.find(root, address, length) != null;
    }

    final RegionNode find(long address, long length) {
        RegionNode node = RegionNode.find(root, address, length);
        if (node == null) {
            throw new GuestMemoryException(address, length);
        }
        return node;
    }

    /** Gives all memory back, and closes the descriptors; accesses find zeros from now on. Twice is harmless. */
    @Override
    public final synchronized void close() {
        if (!closed) {
            closed = true;
            mapped.forEach(MappedRegion::retire);
        }
    }
}
