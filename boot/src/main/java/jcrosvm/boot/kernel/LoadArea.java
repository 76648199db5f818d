package jcrosvm.boot.kernel;

import jcrosvm.boot.MemoryLayout;
import jcrosvm.memory.GuestMemory;

/** Says where an image may be put: RAM that is not used for boot data and tables. */
final class LoadArea {
    /** Boot data ends here; setup data of a few hundred bytes included. */
    static final long LOW_START = 0x21000;

    private LoadArea() {}

    /** Fails unless an image may occupy the range; safe against any values. */
    static void require(GuestMemory memory, ImageFile image, String what, long address, long size) {
        if (size < 0 || !memory.contains(address, size)) {
            throw image.bad(
                    "%s at 0x%x, size 0x%x, does not fit into %d MiB of guest memory: give the guest more memory"
                            .formatted(what, address, size, memory.size() >> 20));
        }
        boolean low = address >= LOW_START && size <= MemoryLayout.MP_TABLE - address;
        if (!low && address < MemoryLayout.HIGH_MEMORY) {
            throw image.bad("%s at 0x%x, size 0x%x, overlaps the boot data and tables below 1 MiB"
                    .formatted(what, address, size));
        }
    }
}
