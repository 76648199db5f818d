package jcrosvm.boot.kernel;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.io.Fd;
import jcrosvm.boot.E820Entry;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** Linux's boot_params, "zero page" (Linux, Documentation/arch/x86/zero-page.rst). */
final class BootParams {
    private static final int SIZE = 4096;
    private static final int ACPI_RSDP_ADDR = 0x70;
    private static final int EXT_RAMDISK_IMAGE = 0xc0;
    private static final int EXT_RAMDISK_SIZE = 0xc4;
    private static final int E820_ENTRIES = 0x1e8;
    private static final int E820_TABLE = 0x2d0;
    private static final int E820_ENTRY_SIZE = 20;
    private static final int E820_MAX = 128;
    private static final int LOADER_UNDEFINED = 0xff;

    private static final Path RANDOM = Path.of("/dev/urandom");
    private static final int SETUP_RNG_SEED = 9;
    private static final int SEED_SIZE = 256;

    /** What a kernel without a header of its own is assumed to understand: it is a vmlinux of some recent Linux. */
    private static final int PLAIN_VERSION = 0x20f;

    private static final int PLAIN_ALIGNMENT = 0x20_0000;

    private BootParams() {}

    /**
     * Writes the page at {@link MemoryLayout#BOOT_PARAMS} and the random seed at {@link MemoryLayout#SETUP_DATA}.
     *
     * @param header of a bzImage; null for a plain vmlinux
     * @param codeStart load address of the protected-mode kernel
     * @param rsdp address of the ACPI root pointer, 0 for none
     */
    static void write(
            GuestMemory memory,
            MemoryLayout layout,
            @Nullable SetupHeader header,
            long codeStart,
            Initrd initrd,
            long rsdp) {
        long page = MemoryLayout.BOOT_PARAMS;
        memory.fill(page, SIZE, (byte) 0);
        if (header == null) {
            memory.putShort(page + SetupHeader.BOOT_FLAG, (short) SetupHeader.BOOT_FLAG_MAGIC);
            memory.putInt(page + SetupHeader.HEADER, (int) SetupHeader.HEADER_MAGIC);
            memory.putShort(page + SetupHeader.VERSION, (short) PLAIN_VERSION);
            memory.putByte(page + SetupHeader.LOADFLAGS, (byte) SetupHeader.LOADED_HIGH);
            memory.putInt(page + SetupHeader.KERNEL_ALIGNMENT, PLAIN_ALIGNMENT);
            memory.putInt(page + SetupHeader.CMDLINE_SIZE, CommandLine.MAX);
        } else {
            memory.write(page + SetupHeader.START, header.copy());
            int flags = header.u8(SetupHeader.LOADFLAGS) & ~(SetupHeader.KASLR_FLAG | SetupHeader.CAN_USE_HEAP);
            memory.putByte(page + SetupHeader.LOADFLAGS, (byte) flags);
        }
        memory.putByte(page + SetupHeader.TYPE_OF_LOADER, (byte) LOADER_UNDEFINED);
        memory.putInt(page + SetupHeader.CODE32_START, (int) codeStart);
        memory.putInt(page + SetupHeader.CMD_LINE_PTR, (int) MemoryLayout.COMMAND_LINE);
        memory.putInt(page + SetupHeader.RAMDISK_IMAGE, (int) initrd.address());
        memory.putInt(page + EXT_RAMDISK_IMAGE, (int) (initrd.address() >>> 32));
        memory.putInt(page + SetupHeader.RAMDISK_SIZE, (int) initrd.size());
        memory.putInt(page + EXT_RAMDISK_SIZE, (int) (initrd.size() >>> 32));
        memory.putLong(page + ACPI_RSDP_ADDR, rsdp);
        if (header == null || header.version() >= 0x209) {
            memory.putLong(page + SetupHeader.SETUP_DATA, MemoryLayout.SETUP_DATA);
            seed(memory, MemoryLayout.SETUP_DATA);
        }
        memoryMap(memory, layout.e820());
    }

    private static void memoryMap(GuestMemory memory, List<E820Entry> map) {
        if (map.size() > E820_MAX) {
            throw new IllegalArgumentException(map.size() + " memory map entries");
        }
        memory.putByte(MemoryLayout.BOOT_PARAMS + E820_ENTRIES, (byte) map.size());
        long at = MemoryLayout.BOOT_PARAMS + E820_TABLE;
        for (E820Entry entry : map) {
            memory.putLong(at, entry.address());
            memory.putLong(at + 8, entry.size());
            memory.putInt(at + 16, entry.type());
            at += E820_ENTRY_SIZE;
        }
    }

    /** A guest has no entropy of its own this early. */
    private static void seed(GuestMemory memory, long address) {
        memory.putLong(address, 0);
        memory.putInt(address + 8, SETUP_RNG_SEED);
        memory.putInt(address + 12, SEED_SIZE);
        // Not SecureRandom: its providers would take longer to load than the rest of this class.
        try (Fd random = Fd.open(RANDOM, Fd.O_RDONLY)) {
            memory.readFrom(random, 0, address + 16, SEED_SIZE);
        }
    }
}
