package jcrosvm.boot.kernel;

import java.nio.charset.StandardCharsets;
import java.util.List;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.E820Entry;
import jcrosvm.boot.EntryState;
import jcrosvm.boot.LoadedGuest;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** Loads Multiboot 1 images (Multiboot Specification 0.6.96). */
final class Multiboot {
    private static final int LOADER_MAGIC = 0x2bad_b002;
    private static final int HAS_MEMORY = 1;
    private static final int HAS_COMMAND_LINE = 1 << 2;
    private static final int HAS_MODULES = 1 << 3;
    private static final int HAS_MAP = 1 << 6;
    private static final int HAS_LOADER_NAME = 1 << 9;

    private static final int MODULE = 0x80;
    private static final int NAME = 0xa0;
    private static final int MAP = 0xc0;
    private static final int MAP_ENTRY_SIZE = 24;
    private static final String LOADER_NAME = "jcrosvm";
    private static final long LAST = MemoryLayout.FOUR_GIB - 1;

    private Multiboot() {}

    /** @param elf the file as ELF; null when it is loaded by the header's address fields */
    static LoadedGuest load(
            GuestMemory memory,
            MemoryLayout layout,
            BootConfig config,
            ImageFile image,
            MultibootHeader header,
            @Nullable ElfImage elf) {
        header.requireKnown(image);
        long entry;
        long end;
        if (elf == null) {
            entry = header.entry();
            end = loadFlat(memory, image, header);
        } else {
            entry = elf.entry();
            if (!elf.holds(entry)) {
                throw image.bad("ELF entry point 0x%x is not in a loaded segment".formatted(entry));
            }
            ElfLoader.load(memory, image, elf, LoadArea.MULTIBOOT);
            end = elf.end();
        }
        // As other loaders do: the first word is the image's name, and Linux's own parameters mean nothing here.
        String line = image.path() + (config.params().isEmpty() ? "" : " " + String.join(" ", config.params()));
        CommandLine.write(memory, line, 0);
        Initrd module = Initrd.load(memory, layout, config.initrd(), end, LAST);
        EntryState state = CpuEntry.flat32(memory, entry, LOADER_MAGIC, MemoryLayout.MULTIBOOT_INFO);
        information(memory, layout, module);
        return LoadedKernel.of(state, elf == null ? "Multiboot image" : "Multiboot ELF image", entry, module);
    }

    private static long loadFlat(GuestMemory memory, ImageFile image, MultibootHeader header) {
        long before = header.headerAddress() - header.loadAddress();
        long position = header.position() - before;
        if (before < 0 || position < 0) {
            throw image.bad("Multiboot header at file position 0x%x cannot be at address 0x%x when loading to 0x%x"
                    .formatted(header.position(), header.headerAddress(), header.loadAddress()));
        }
        long size = header.loadEnd() == 0 ? image.size() - position : header.loadEnd() - header.loadAddress();
        long all = header.bssEnd() == 0 ? size : header.bssEnd() - header.loadAddress();
        if (size <= 0 || all < size) {
            throw image.bad("Multiboot header: load address 0x%x, load end 0x%x, bss end 0x%x do not ascend"
                    .formatted(header.loadAddress(), header.loadEnd(), header.bssEnd()));
        }
        LoadArea.MULTIBOOT.require(memory, image, "the Multiboot image", header.loadAddress(), all);
        if (header.entry() < header.loadAddress() || header.entry() >= header.loadAddress() + all) {
            throw image.bad("Multiboot entry point 0x%x is not in the image".formatted(header.entry()));
        }
        image.load(memory, position, header.loadAddress(), size);
        memory.fill(header.loadAddress() + size, all - size, (byte) 0);
        return header.loadAddress() + all;
    }

    private static void information(GuestMemory memory, MemoryLayout layout, Initrd module) {
        long info = MemoryLayout.MULTIBOOT_INFO;
        List<E820Entry> map = layout.e820();
        memory.fill(info, 4096, (byte) 0);
        int flags = HAS_MEMORY | HAS_COMMAND_LINE | HAS_MAP | HAS_LOADER_NAME;
        memory.putInt(info + 4, (int) (MemoryLayout.MP_TABLE >> 10));
        memory.putInt(info + 8, (int) ((layout.lowRam() - MemoryLayout.HIGH_MEMORY) >> 10));
        memory.putInt(info + 16, (int) MemoryLayout.COMMAND_LINE);
        if (module.size() > 0) {
            flags |= HAS_MODULES;
            memory.putInt(info + 20, 1);
            memory.putInt(info + 24, (int) info + MODULE);
            memory.putInt(info + MODULE, (int) module.address());
            memory.putInt(info + MODULE + 4, (int) (module.address() + module.size()));
        }
        memory.putInt(info, flags);
        memory.putInt(info + 44, map.size() * MAP_ENTRY_SIZE);
        memory.putInt(info + 48, (int) info + MAP);
        memory.putInt(info + 64, (int) info + NAME);
        memory.write(info + NAME, LOADER_NAME.getBytes(StandardCharsets.US_ASCII));
        long at = info + MAP;
        for (E820Entry e : map) {
            // The entry's size does not count its own field.
            memory.putInt(at, MAP_ENTRY_SIZE - 4);
            memory.putLong(at + 4, e.address());
            memory.putLong(at + 12, e.size());
            memory.putInt(at + 20, e.type());
            at += MAP_ENTRY_SIZE;
        }
    }
}
