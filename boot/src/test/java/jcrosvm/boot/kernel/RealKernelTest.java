package jcrosvm.boot.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.EntryState;
import jcrosvm.boot.KernelUnpack;
import jcrosvm.boot.MemoryLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Kernels of distributions, from the folder that the environment variable JCROSVM_GUESTS names. */
class RealKernelTest {
    @TempDir
    Path folder;

    private static List<Path> kernels() throws IOException {
        String guests = System.getenv("JCROSVM_GUESTS");
        Path root =
                guests == null ? Path.of(System.getProperty("user.home"), ".cache/jcrosvm/guests") : Path.of(guests);
        List<Path> kernels = List.of();
        if (Files.isDirectory(root)) {
            try (Stream<Path> files = Files.walk(root, 6)) {
                kernels = files.filter(Files::isRegularFile)
                        .filter(file -> file.getFileName().toString().startsWith("vmlinuz"))
                        .toList();
            }
        }
        assumeFalse(kernels.isEmpty(), "no vmlinuz* below " + root);
        return kernels;
    }

    @Test
    void kernelsAreUnpackedToTheirPreferredAddress() throws IOException {
        for (Path kernel : kernels()) {
            try (Loading loading = new Loading(folder, 256)) {
                BootConfig config = BootConfig.defaults().withKernel(kernel);
                EntryState packed = loading.entry(config.withUnpack(KernelUnpack.OFF));
                assertThat(packed.registers().rip()).isEqualTo(MemoryLayout.KERNEL + 0x200);
                EntryState unpacked = loading.entry(config.withUnpack(KernelUnpack.ON));
                long preferred = loading.memory.getLong(MemoryLayout.BOOT_PARAMS + 0x258);
                assertThat(unpacked.registers().rip()).isBetween(preferred, preferred + (2 << 20));
                // The banner is in read-only data: far behind the start, so most of the stream was right.
                byte[] data = loading.memory.read(preferred, 48 << 20);
                assertThat(new String(data, StandardCharsets.ISO_8859_1)).contains("Linux version " + release(kernel));
            }
        }
    }

    @Test
    void kernelThatDoesNotFitIsRefused() throws IOException {
        for (Path kernel : kernels()) {
            try (Loading loading = new Loading(folder, 32)) {
                for (KernelUnpack mode : KernelUnpack.values()) {
                    BootConfig config = BootConfig.defaults().withKernel(kernel).withUnpack(mode);
                    assertThatThrownBy(() -> loading.load(config)).hasMessageContaining("more memory");
                }
            }
        }
    }

    /** The release that the setup header tells, up to the first space. */
    private static String release(Path kernel) {
        try (ImageFile image = ImageFile.open("kernel", kernel)) {
            int at = 0x200 + image.buffer(0x20e, 2).getShort();
            String text = new String(image.bytes(at, 80), StandardCharsets.ISO_8859_1);
            return text.substring(0, text.indexOf(' '));
        }
    }
}
