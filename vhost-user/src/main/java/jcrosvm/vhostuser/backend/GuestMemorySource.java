package jcrosvm.vhostuser.backend;

import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;

/** How a backend comes to the memory that a front end shows it. */
public interface GuestMemorySource {
    /** Maps what the front end sends: for a front end in another process. */
    GuestMemorySource MAPPED = GuestMemory::of;

    /**
     * The memory of a table.
     *
     * @param regions whose descriptors the callee owns, also when it fails
     * @throws VmmException when there can be no such memory
     */
    GuestMemory open(List<MemoryRegion> regions);

    /** Ends the use of a memory that {@link #open} gave. */
    default void close(GuestMemory memory) {
        memory.close();
    }

    /**
     * For a backend in the process of the VM, which has the memory already: its write listeners are told of what the
     * device writes. The memory stays the VM's.
     */
    static GuestMemorySource of(GuestMemory vm) {
        return new GuestMemorySource() {
            @Override
            public GuestMemory open(List<MemoryRegion> regions) {
                regions.forEach(region -> region.fd().close());
                return vm;
            }

            @Override
            public void close(GuestMemory memory) {
                // it is not the backend's
            }
        };
    }
}
