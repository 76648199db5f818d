package jcrosvm.boot;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import org.jspecify.annotations.Nullable;

/** The options of {@code run} that fill a {@link BootConfig}. */
public final class BootOptions {
    private static final Option<Path> INITRD =
            Option.word("initrd", Path.class, "FILE", "Initial RAM disk.").withLetter('i');
    private static final Option<String> PARAMS = Option.word(
                    "params", String.class, "TEXT", "Kernel parameters, appended to the command line in order.")
            .withLetter('p')
            .repeatable();
    private static final Option<Path> BIOS =
            Option.word("bios", Path.class, "FILE", "ROM image to start instead of a kernel; it ends at 4 GiB.");
    private static final Option<KernelUnpack> KERNEL_UNPACK = Option.structured(
            "kernel-unpack",
            KernelUnpack.class,
            "auto|on|off",
            "Decompress the kernel on the host instead of in the guest: auto (default) does so where it saves time.");
    private static final Option<Path> ACPI_TABLE = Option.word(
                    "acpi-table",
                    Path.class,
                    "FILE",
                    "Raw ACPI table to add; a FACP replaces the generated one and leaves out the MP table.")
            .repeatable();
    private static final Option<SmbiosConfig> SMBIOS =
            Option.structured("smbios", SmbiosConfig.class, "KEY=VALUE,...", "SMBIOS data.");
    private static final Option<String> OEM_STRINGS = Option.word(
                    "oem-strings", String.class, "TEXT", "SMBIOS OEM string.")
            .repeatable()
            .deprecated("--smbios oem-strings=[...]");

    public static final Option.Group GROUP =
            new Option.Group("Boot", List.of(INITRD, PARAMS, BIOS, KERNEL_UNPACK, ACPI_TABLE, SMBIOS, OEM_STRINGS));

    private BootOptions() {}

    /** What the arguments say; not yet validated. */
    public static BootConfig read(Arguments arguments, @Nullable Path kernel) {
        BootConfig defaults = BootConfig.defaults();
        KernelUnpack unpack = arguments.value(KERNEL_UNPACK);
        return new BootConfig(
                kernel,
                arguments.value(INITRD),
                arguments.values(PARAMS),
                arguments.value(BIOS),
                unpack == null ? defaults.unpack() : unpack,
                defaults.acpi(),
                arguments.values(ACPI_TABLE),
                smbios(arguments));
    }

    private static SmbiosConfig smbios(Arguments arguments) {
        SmbiosConfig given = arguments.value(SMBIOS);
        SmbiosConfig smbios = given == null ? SmbiosConfig.defaults() : given;
        List<String> oemStrings = new ArrayList<>(smbios.oemStrings());
        oemStrings.addAll(arguments.values(OEM_STRINGS));
        return new SmbiosConfig(
                smbios.biosVendor(),
                smbios.biosVersion(),
                smbios.manufacturer(),
                smbios.productName(),
                smbios.serialNumber(),
                smbios.uuid(),
                oemStrings);
    }
}
