package jcrosvm.boot.kernel;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.OptionalLong;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.EntryState;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.LoadedGuest;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** Finds out what kind of kernel a file is and has it loaded, as the package's description says. */
public final class KernelLoader {
    private static final int HEAD = 64;
    /** Highest initrd address of a kernel that has no header to tell another. */
    private static final long INITRD_LAST = 0x7fff_ffffL;

    private KernelLoader() {}

    /**
     * @param path of the kernel
     * @param rsdp address of the ACPI root pointer, 0 for none
     */
    public static LoadedGuest load(
            GuestMemory memory, MemoryLayout layout, Hardware hardware, BootConfig config, Path path, long rsdp) {
        try (ImageFile image = ImageFile.open("kernel", path)) {
            ByteBuffer head = image.buffer(0, (int) Math.min(HEAD, image.size()));
            MultibootHeader multiboot = MultibootHeader.find(image);
            if (multiboot != null && multiboot.hasAddresses()) {
                return Multiboot.load(memory, layout, config, image, multiboot, null);
            }
            if (ElfImage.isElf(head)) {
                ElfImage elf = ElfImage.parse(image, image::buffer);
                if (multiboot != null && !elf.wide()) {
                    return Multiboot.load(memory, layout, config, image, multiboot, elf);
                }
                return elf(memory, layout, hardware, config, image, elf, rsdp);
            }
            SetupHeader header = SetupHeader.read(image);
            if (header != null) {
                return BzImage.load(memory, layout, hardware, config, image, header, rsdp);
            }
            throw image.bad("not a kernel: neither bzImage nor ELF nor Multiboot" + hint(head));
        }
    }

    private static String hint(ByteBuffer head) {
        if (head.remaining() < 4) {
            return "";
        }
        int magic = head.getInt(0);
        if ((magic & 0xffff) == 0x8b1f) {
            return "; it is a gzip file, unpack it first";
        }
        return magic == 0x644d_5241 ? "; it is an arm64 image" : "";
    }

    private static LoadedGuest elf(
            GuestMemory memory,
            MemoryLayout layout,
            Hardware hardware,
            BootConfig config,
            ImageFile image,
            ElfImage elf,
            long rsdp) {
        OptionalLong pvh = elf.looksLikeLinux() ? OptionalLong.empty() : PvhNote.entry(image, elf);
        if (pvh.isEmpty() && !elf.holds(elf.entry())) {
            throw image.bad(
                    "ELF entry point 0x%x is not in a loaded segment, and there is no PVH note".formatted(elf.entry()));
        }
        ElfLoader.load(memory, image, elf, LoadArea.LINUX);
        CommandLine.write(memory, CommandLine.linux(hardware.params(), config.params()), 0);
        Initrd initrd = Initrd.load(memory, layout, config.initrd(), elf.end(), INITRD_LAST);
        if (pvh.isPresent()) {
            EntryState state = Pvh.prepare(memory, layout, pvh.getAsLong(), initrd, rsdp);
            return LoadedKernel.of(state, "ELF, PVH entry", pvh.getAsLong(), initrd);
        }
        return linux(memory, layout, elf, null, initrd, rsdp, "ELF");
    }

    /** Enters a loaded ELF kernel with boot_params. */
    static LoadedGuest linux(
            GuestMemory memory,
            MemoryLayout layout,
            ElfImage elf,
            @Nullable SetupHeader header,
            Initrd initrd,
            long rsdp,
            String how) {
        BootParams.write(memory, layout, header, elf.entry(), initrd, rsdp);
        EntryState state = elf.wide() ? CpuEntry.longMode(memory, elf.entry()) : CpuEntry.linux32(memory, elf.entry());
        return LoadedKernel.of(state, how + (elf.wide() ? ", 64-bit entry" : ", 32-bit entry"), elf.entry(), initrd);
    }
}
