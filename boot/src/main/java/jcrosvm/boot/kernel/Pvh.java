package jcrosvm.boot.kernel;

import java.util.List;
import jcrosvm.boot.E820Entry;
import jcrosvm.boot.EntryState;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.memory.GuestMemory;

/** The PVH start information (Xen, docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h). */
final class Pvh {
    private static final int MAGIC = 0x336e_c578;
    private static final int VERSION = 1;
    private static final int MODULE = 0x40;
    private static final int MAP = 0x80;
    private static final int MAP_ENTRY_SIZE = 24;

    private Pvh() {}

    static EntryState prepare(GuestMemory memory, MemoryLayout layout, long entry, Initrd initrd, long rsdp) {
        long info = MemoryLayout.MULTIBOOT_INFO;
        List<E820Entry> map = layout.e820();
        memory.fill(info, 4096, (byte) 0);
        memory.putInt(info, MAGIC);
        memory.putInt(info + 4, VERSION);
        if (initrd.size() > 0) {
            memory.putInt(info + 12, 1);
            memory.putLong(info + 16, info + MODULE);
            memory.putLong(info + MODULE, initrd.address());
            memory.putLong(info + MODULE + 8, initrd.size());
        }
        memory.putLong(info + 24, MemoryLayout.COMMAND_LINE);
        memory.putLong(info + 32, rsdp);
        memory.putLong(info + 40, info + MAP);
        memory.putInt(info + 48, map.size());
        long at = info + MAP;
        for (E820Entry e : map) {
            memory.putLong(at, e.address());
            memory.putLong(at + 8, e.size());
            memory.putInt(at + 16, e.type());
            at += MAP_ENTRY_SIZE;
        }
        return CpuEntry.flat32(memory, entry, 0, info);
    }
}
