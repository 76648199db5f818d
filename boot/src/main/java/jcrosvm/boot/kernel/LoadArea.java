package jcrosvm.boot.kernel;

import jcrosvm.boot.MemoryLayout;
import jcrosvm.memory.GuestMemory;

/** Where an image may be put: RAM that its boot protocol does not use for data and tables. */
enum LoadArea {
    /** Descriptor tables, zero page, page tables, command line and setup data lie below. */
    LINUX(0x21000),
    /** There are no page tables: what lies between the information and the command line is free too. */
    MULTIBOOT(MemoryLayout.MULTIBOOT_INFO + 0x1000);

    /** Boot data of every protocol ends here; setup data of a few hundred bytes included. */
    private static final long BOOT_DATA_END = 0x21000;

    private final long start;

    LoadArea(long start) {
        this.start = start;
    }

    /** Fails unless an image may occupy the range; safe against any values. */
    void require(GuestMemory memory, ImageFile image, String what, long address, long size) {
        if (size < 0 || !memory.contains(address, size)) {
            // With enough of it, what is in the way are the PCI windows.
            boolean enough = size >= 0 && address >= 0 && address <= memory.size() - size;
            throw image.bad("%s at 0x%x, size 0x%x, does not fit into %d MiB of guest memory: %s"
                    .formatted(
                            what,
                            address,
                            size,
                            memory.size() >> 20,
                            enough ? "RAM ends at a PCI window there (--pci)" : "give the guest more memory"));
        }
        boolean belowCommandLine = address >= start && size <= MemoryLayout.COMMAND_LINE - address;
        boolean low = address >= BOOT_DATA_END && size <= MemoryLayout.MP_TABLE - address;
        if (!belowCommandLine && !low && address < MemoryLayout.HIGH_MEMORY) {
            throw image.bad("%s at 0x%x, size 0x%x, overlaps the boot data and tables below 1 MiB"
                    .formatted(what, address, size));
        }
    }
}
