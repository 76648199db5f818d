package jcrosvm.boot.kernel;

import java.io.IOException;
import java.io.InputStream;
import jcrosvm.base.VmmException;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.EntryState;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.KernelUnpack;
import jcrosvm.boot.LoadedGuest;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.memory.GuestMemory;
import jcrosvm.unpack.Compression;
import org.jspecify.annotations.Nullable;

/** Loads a bzImage, either as it is or with its payload decompressed here. */
final class BzImage {
    private static final int OLDEST = 0x202;
    /** The first boot protocol whose header tells where the payload is. */
    private static final int PAYLOAD_VERSION = 0x208;

    private static final int ENTRY_64 = 0x200;
    private static final long MAX_ALIGNMENT = 1L << 30;
    private static final long MAX_UNPACKED = 1L << 30;

    private static final System.Logger LOG = System.getLogger(BzImage.class.getName());

    private BzImage() {}

    static LoadedGuest load(
            GuestMemory memory,
            MemoryLayout layout,
            Hardware hardware,
            BootConfig config,
            ImageFile image,
            SetupHeader header,
            long rsdp) {
        if (header.version() < OLDEST || (header.u8(SetupHeader.LOADFLAGS) & SetupHeader.LOADED_HIGH) == 0) {
            throw image.bad("a zImage of boot protocol %d.%d, too old to be loaded above 1 MiB"
                    .formatted(header.version() >> 8, header.version() & 0xff));
        }
        if (header.kernelPosition() >= image.size()) {
            throw image.bad("truncated: the kernel starts at 0x%x, the file has 0x%x bytes"
                    .formatted(header.kernelPosition(), image.size()));
        }
        requirePayload(image, header);
        CommandLine.write(memory, CommandLine.linux(hardware.params(), config.params()), header.commandLineLimit());
        ElfImage elf = unpack(memory, config.unpack(), image, header);
        if (elf != null) {
            long end = Math.max(elf.end(), runEnd(image, header, 0));
            Initrd initrd = initrd(memory, layout, config, image, header, end);
            return KernelLoader.linux(memory, layout, elf, header, initrd, rsdp, "bzImage, unpacked");
        }
        return loadPacked(memory, layout, config, image, header, rsdp);
    }

    /** A kernel that lost its end would start all the same, and die without a word. */
    private static void requirePayload(ImageFile image, SetupHeader header) {
        if (header.version() < PAYLOAD_VERSION) {
            return;
        }
        long position = payloadPosition(header);
        long length = header.u32(SetupHeader.PAYLOAD_LENGTH);
        if (!image.contains(position, length)) {
            throw image.bad(
                    "truncated, or its setup header is bad: a payload of 0x%x bytes at 0x%x, the file has 0x%x bytes"
                            .formatted(length, position, image.size()));
        }
    }

    private static long payloadPosition(SetupHeader header) {
        return header.kernelPosition() + header.u32(SetupHeader.PAYLOAD_OFFSET);
    }

    private static LoadedGuest loadPacked(
            GuestMemory memory,
            MemoryLayout layout,
            BootConfig config,
            ImageFile image,
            SetupHeader header,
            long rsdp) {
        long start = header.relocatable() ? MemoryLayout.KERNEL : header.u32(SetupHeader.CODE32_START);
        long size = image.size() - header.kernelPosition();
        LoadArea.LINUX.require(memory, image, "the kernel", start, size);
        long end = Math.max(start + size, runEnd(image, header, start));
        LoadArea.LINUX.require(memory, image, "the unpacked kernel", start, end - start);
        image.load(memory, header.kernelPosition(), start, size);
        Initrd initrd = initrd(memory, layout, config, image, header, end);
        BootParams.write(memory, layout, header, start, initrd, rsdp);
        if (header.has(SetupHeader.XLF_KERNEL_64)) {
            EntryState state = CpuEntry.longMode(memory, start + ENTRY_64);
            return LoadedKernel.of(state, "bzImage, 64-bit entry", start + ENTRY_64, initrd);
        }
        return LoadedKernel.of(CpuEntry.linux32(memory, start), "bzImage, 32-bit entry", start, initrd);
    }

    private static Initrd initrd(
            GuestMemory memory,
            MemoryLayout layout,
            BootConfig config,
            ImageFile image,
            SetupHeader header,
            long kernelEnd) {
        if (kernelEnd > layout.lowRam()) {
            throw image.bad("the unpacked kernel ends at 0x%x, low memory at 0x%x: give the guest more memory"
                    .formatted(kernelEnd, layout.lowRam()));
        }
        long last = header.has(SetupHeader.XLF_CAN_BE_LOADED_ABOVE_4G) ? Long.MAX_VALUE : header.initrdLast();
        return Initrd.load(memory, layout, config.initrd(), kernelEnd, last);
    }

    /**
     * First address behind the memory that the kernel uses before it has read the memory map: init_size from where it
     * moves itself to.
     */
    private static long runEnd(ImageFile image, SetupHeader header, long start) {
        long alignment = Math.max(1, header.u32(SetupHeader.KERNEL_ALIGNMENT));
        long preferred = header.version() >= 0x20a ? header.u64(SetupHeader.PREF_ADDRESS) : 0;
        boolean sane = Long.bitCount(alignment) == 1
                && alignment <= MAX_ALIGNMENT
                && preferred >= 0
                && preferred < MemoryLayout.FOUR_GIB;
        if (!sane) {
            throw image.bad(
                    "bad setup header: kernel alignment 0x%x, preferred address 0x%x".formatted(alignment, preferred));
        }
        long run = header.relocatable() ? start + alignment - 1 & -alignment : start;
        return Math.max(run, preferred) + header.initSize();
    }

    /** The decompressed kernel, loaded; null if that was not wanted or, unless demanded, not possible. */
    private static @Nullable ElfImage unpack(
            GuestMemory memory, KernelUnpack mode, ImageFile image, SetupHeader header) {
        if (mode == KernelUnpack.OFF) {
            return null;
        }
        try {
            return unpack(memory, image, header);
        } catch (IOException e) {
            VmmException bad = image.bad("its payload cannot be decompressed: " + e.getMessage());
            if (mode == KernelUnpack.ON) {
                throw bad;
            }
            // The guest may know a variant that we do not; if not, its message about that will not be seen.
            LOG.log(System.Logger.Level.WARNING, bad.getMessage() + "; this is left to the kernel itself");
            return null;
        } catch (VmmException e) {
            if (mode == KernelUnpack.ON) {
                throw e;
            }
            return null;
        }
    }

    private static ElfImage unpack(GuestMemory memory, ImageFile image, SetupHeader header) throws IOException {
        if (header.version() < PAYLOAD_VERSION || !header.has(SetupHeader.XLF_KERNEL_64)) {
            throw image.bad("--kernel-unpack needs a 64-bit kernel of boot protocol 2.12 or later");
        }
        long position = payloadPosition(header);
        long length = header.u32(SetupHeader.PAYLOAD_LENGTH);
        if (length < Compression.MAGIC_SIZE) {
            throw image.bad("bad setup header: payload of 0x%x bytes at 0x%x".formatted(length, position));
        }
        Compression compression = Compression.of(image.buffer(position, Compression.MAGIC_SIZE));
        if (compression == null) {
            throw image.bad("--kernel-unpack does not know how the payload is compressed");
        }
        // All formats but gzip, which needs no history, are followed by the size of what comes out.
        long size = compression == Compression.GZIP
                ? 0
                : image.buffer(position + length - 4, 4).getInt() & 0xffff_ffffL;
        if (size > Math.min(memory.size(), MAX_UNPACKED)) {
            throw image.bad(
                    "the unpacked kernel has 0x%x bytes, which does not fit into %d MiB of guest memory: give the guest more memory"
                            .formatted(size, memory.size() >> 20));
        }
        try (InputStream stream = compression.open(image.stream(position, length), size)) {
            ElfImage elf = ElfLoader.load(memory, image, stream);
            if (!elf.looksLikeLinux()) {
                throw image.bad("its payload is no 64-bit Linux kernel");
            }
            return elf;
        }
    }
}
