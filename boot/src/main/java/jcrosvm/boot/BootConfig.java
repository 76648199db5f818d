package jcrosvm.boot;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/**
 * What to boot and what to tell it.
 *
 * @param kernel bzImage, ELF or Multiboot image; exactly one of this and {@code bios} is given
 * @param params kernel parameters of the user, in order
 * @param bios a ROM image, which ends at 4 GiB
 * @param acpi whether ACPI tables are made
 * @param acpiTables files with one raw system description table each
 */
public record BootConfig(
        @Nullable Path kernel,
        @Nullable Path initrd,
        List<String> params,
        @Nullable Path bios,
        KernelUnpack unpack,
        boolean acpi,
        List<Path> acpiTables,
        SmbiosConfig smbios) {
    public BootConfig {
        params = List.copyOf(params);
        acpiTables = List.copyOf(acpiTables);
    }

    /** Nothing to boot yet: not valid before a kernel or a BIOS is added. */
    public static BootConfig defaults() {
        return new BootConfig(null, null, List.of(), null, KernelUnpack.AUTO, true, List.of(), SmbiosConfig.defaults());
    }

    public BootConfig withKernel(Path path) {
        return new BootConfig(path, initrd, params, bios, unpack, acpi, acpiTables, smbios);
    }

    public BootConfig withInitrd(Path path) {
        return new BootConfig(kernel, path, params, bios, unpack, acpi, acpiTables, smbios);
    }

    public BootConfig withParams(List<String> list) {
        return new BootConfig(kernel, initrd, list, bios, unpack, acpi, acpiTables, smbios);
    }

    public BootConfig withBios(Path path) {
        return new BootConfig(kernel, initrd, params, path, unpack, acpi, acpiTables, smbios);
    }

    public BootConfig withUnpack(KernelUnpack mode) {
        return new BootConfig(kernel, initrd, params, bios, mode, acpi, acpiTables, smbios);
    }

    /** @throws VmmException if the parts contradict each other; files are not looked at */
    public void validate() {
        if (kernel == null && bios == null) {
            throw new VmmException("Executable is not specified: give a kernel image or --bios FILE");
        }
        if (kernel != null && bios != null) {
            throw new VmmException(
                    "both a kernel image ('" + kernel + "') and --bios ('" + bios + "') are given: only one can start");
        }
        if (!acpi && !acpiTables.isEmpty()) {
            throw new VmmException("--acpi-table '" + acpiTables.getFirst() + "' has no effect without ACPI");
        }
        smbios.validate();
    }
}
