package jcrosvm.vhostuser.backend;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import jcrosvm.vhostuser.Payload.Region;
import jcrosvm.virtio.DescriptorException;
import org.jspecify.annotations.Nullable;

/** The memory that the front end shows ("Memory region description"), and where its process has it. */
final class MemoryTable implements AutoCloseable {
    /** Regions at most, where the front end sends them one by one. */
    static final int MAX_SLOTS = 32;

    /** A region and its file, which stays open so that the memory can be made anew. */
    record Slot(Region region, Fd file) {}

    private final GuestMemorySource source;
    private List<Slot> slots = List.of();
    private @Nullable GuestMemory memory;

    MemoryTable(GuestMemorySource source) {
        this.source = source;
    }

    /** The memory of now; null while there is none. */
    @Nullable
    GuestMemory memory() {
        return memory;
    }

    /** @throws VmmException when there are as many regions as there may be */
    void requireRoom() {
        if (slots.size() == MAX_SLOTS) {
            throw new VmmException("it is one more than " + MAX_SLOTS + " memory regions");
        }
    }

    /** The slots of now and one more. */
    List<Slot> with(Slot added) {
        List<Slot> more = new ArrayList<>(slots);
        more.add(added);
        return more;
    }

    /** The slots of now but one. */
    List<Slot> without(Region gone) {
        List<Slot> less = slots.stream()
                .filter(slot -> slot.region.guestAddress() != gone.guestAddress()
                        || slot.region.userAddress() != gone.userAddress()
                        || slot.region.size() != gone.size())
                .toList();
        if (less.size() == slots.size()) {
            throw new VmmException(
                    "there is no memory region at 0x%x of 0x%x bytes".formatted(gone.guestAddress(), gone.size()));
        }
        return less;
    }

    /**
     * Makes the memory of these slots, which are then for {@link #use}.
     *
     * @throws VmmException when there can be no such memory: nothing has changed, and the files of new slots are closed
     */
    GuestMemory open(List<Slot> next) {
        try {
            requireUserAddresses(next);
            return map(next);
        } catch (RuntimeException e) {
            next.stream().filter(slot -> !slots.contains(slot)).forEach(slot -> slot.file.close());
            throw e;
        }
    }

    private GuestMemory map(List<Slot> next) {
        List<MemoryRegion> regions = new ArrayList<>();
        try {
            for (Slot slot : next) {
                Region region = slot.region;
                regions.add(
                        new MemoryRegion(region.guestAddress(), region.size(), slot.file.duplicate(), region.offset()));
            }
        } catch (RuntimeException e) {
            regions.forEach(region -> region.fd().close());
            throw e;
        }
        return source.open(regions);
    }

    private static void requireUserAddresses(List<Slot> slots) {
        for (int i = 0; i < slots.size(); i++) {
            Region one = slots.get(i).region;
            if (one.size() <= 0 || Long.compareUnsigned(end(one), one.userAddress()) < 0) {
                throw new VmmException("a memory region at 0x%x of the front end has 0x%x bytes"
                        .formatted(one.userAddress(), one.size()));
            }
            for (Slot slot : slots.subList(0, i)) {
                Region other = slot.region;
                if (Long.compareUnsigned(one.userAddress(), end(other)) < 0
                        && Long.compareUnsigned(other.userAddress(), end(one)) < 0) {
                    throw new VmmException("memory regions at 0x%x and 0x%x of the front end overlap"
                            .formatted(one.userAddress(), other.userAddress()));
                }
            }
        }
    }

    private static long end(Region region) {
        return region.userAddress() + region.size();
    }

    /** Goes over to this memory. Nothing may be using the one before. */
    void use(List<Slot> next, @Nullable GuestMemory opened) {
        List<Slot> before = slots;
        GuestMemory old = memory;
        slots = List.copyOf(next);
        memory = opened;
        before.stream().filter(slot -> !next.contains(slot)).forEach(slot -> slot.file.close());
        if (old != null) {
            source.close(old);
        }
    }

    /**
     * The guest physical address of an address of the front end's process.
     *
     * @throws DescriptorException when it is in no region
     */
    long guestAddress(long user) {
        for (Slot slot : slots) {
            Region region = slot.region;
            if (region.hasUser(user)) {
                return region.guestAddress() + (user - region.userAddress());
            }
        }
        throw new DescriptorException("address 0x%x of the front end is in no memory region".formatted(user));
    }

    @Override
    public void close() {
        use(List.of(), null);
    }
}
