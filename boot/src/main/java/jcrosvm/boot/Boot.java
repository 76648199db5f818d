package jcrosvm.boot;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import jcrosvm.base.VmmException;
import jcrosvm.boot.acpi.AcpiTables;
import jcrosvm.boot.kernel.BiosImage;
import jcrosvm.boot.kernel.CommandLine;
import jcrosvm.boot.kernel.KernelLoader;
import jcrosvm.boot.table.MpTable;
import jcrosvm.boot.table.SmbiosTable;
import jcrosvm.memory.GuestMemory;

/** Fills guest memory with everything that a guest starts from. */
public final class Boot {
    /** Segment of the extended BIOS data area and KiB of memory below it, in the BIOS data area. */
    private static final long EBDA_SEGMENT = 0x40e;

    private static final long BASE_MEMORY = 0x413;

    private Boot() {}

    /**
     * Loads the kernel or firmware and writes the tables. Memory must be zero except for what an earlier call with the
     * same arguments left.
     *
     * <p>Firmware has a copy of its last 128 KiB below 1 MiB, where tables lie too. The copy has priority: the ACPI or
     * SMBIOS tables that it would overlap are not written, since firmware of that size makes its own.
     *
     * @param memory backing exactly {@link MemoryLayout#ram()}
     * @param speed of the guest's CPUs
     * @throws VmmException if a file cannot be used; memory is then in no defined state
     */
    public static LoadedGuest load(
            GuestMemory memory, MemoryLayout layout, Hardware hardware, BootConfig config, CpuSpeed speed) {
        config.validate();
        Path bios = config.bios();
        if (bios != null) {
            Rom rom = BiosImage.load(memory, bios);
            tables(memory, layout, hardware, config, BiosImage.shadowStart(rom.content().length));
            CommandLine.write(memory, CommandLine.linux(hardware.params(), config.params()), 0);
            return new LoadedGuest(
                    Optional.empty(),
                    Optional.of(rom),
                    "BIOS at 0x" + Long.toHexString(rom.address()) + ", reset vector");
        }
        Path kernel = config.kernel();
        if (kernel == null) {
            throw new IllegalStateException("validated");
        }
        long rsdp = tables(memory, layout, hardware, config, MemoryLayout.HIGH_MEMORY);
        memory.putShort(EBDA_SEGMENT, (short) (MemoryLayout.MP_TABLE >> 4));
        memory.putShort(BASE_MEMORY, (short) (MemoryLayout.MP_TABLE >> 10));
        return KernelLoader.load(memory, layout, hardware, settled(config, speed), kernel, rsdp);
    }

    /** As the longer form, on native CPUs. */
    public static LoadedGuest load(GuestMemory memory, MemoryLayout layout, Hardware hardware, BootConfig config) {
        return load(memory, layout, hardware, config, CpuSpeed.NATIVE);
    }

    private static BootConfig settled(BootConfig config, CpuSpeed speed) {
        boolean idle = config.unpack() == KernelUnpack.AUTO && speed == CpuSpeed.NATIVE;
        return idle ? config.withUnpack(KernelUnpack.OFF) : config;
    }

    /**
     * Writes the tables that end before {@code limit}.
     *
     * @return address of the ACPI root pointer, 0 for none
     */
    private static long tables(
            GuestMemory memory, MemoryLayout layout, Hardware hardware, BootConfig config, long limit) {
        if (limit == MemoryLayout.HIGH_MEMORY) {
            memory.fill(MemoryLayout.LOW_RAM_END, MemoryLayout.HIGH_MEMORY - MemoryLayout.LOW_RAM_END, (byte) 0);
        }
        boolean mpTable = true;
        long rsdp = 0;
        if (config.acpi()) {
            List<byte[]> user = AcpiTables.read(config.acpiTables());
            // A FADT of the user describes another machine than the MP table would, so there is no MP table then.
            mpTable = user.stream().noneMatch(AcpiTables::isFadt);
            if (limit >= MemoryLayout.SMBIOS) {
                rsdp = AcpiTables.write(memory, layout, hardware, user);
            }
        }
        if (mpTable && !MpTable.write(memory, hardware) && !config.acpi()) {
            throw new VmmException("%d vCPUs cannot be described without ACPI"
                    .formatted(hardware.processors().size()));
        }
        if (limit == MemoryLayout.HIGH_MEMORY) {
            SmbiosTable.write(memory, config.smbios());
        }
        return rsdp;
    }
}
