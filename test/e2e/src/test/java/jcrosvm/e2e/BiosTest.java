package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** SeaBIOS, as Debian's package seabios has it, from the reset vector to its search for something to boot. */
class BiosTest {
    private static final Path IMAGES = Path.of("/usr/share/seabios");
    private static final long LIMIT_SECONDS = 240;

    @TempDir
    private Path folder;

    @Tag("kvm")
    @ParameterizedTest(name = "{0} {1} vCPUs {2} MiB irqchip={3}")
    @CsvSource({"bios-256k.bin, 1, 128, kernel", "bios.bin, 2, 5120, split"})
    void seaBiosFindsNothingToBoot(String image, int cpus, int mib, String irqchip) throws Exception {
        boot("kvm", image, cpus, mib, irqchip);
    }

    @Tag("soft")
    @ParameterizedTest(name = "{0} {1} vCPUs {2} MiB")
    @CsvSource({"bios-256k.bin, 2, 5120", "bios.bin, 1, 128"})
    void onTheSoftwareProcessorToo(String image, int cpus, int mib) throws Exception {
        boot("soft", image, cpus, mib, "split");
    }

    private void boot(String hypervisor, String image, int cpus, int mib, String irqchip) throws Exception {
        Path bios = IMAGES.resolve(image);
        assumeTrue(Files.isReadable(bios), bios + " is missing: install the package seabios");
        Path console = folder.resolve("console");
        ProcessBuilder builder = new ProcessBuilder(
                SourceTree.ROOT.resolve("jcrosvm").toString(),
                "run",
                "--hypervisor=" + hypervisor,
                "--bios=" + bios,
                "--cpus=" + cpus,
                "--mem=" + mib,
                "--irqchip=" + irqchip,
                "--grace-period=0",
                "--net=user,pci-address=05:1f.0",
                "--serial=type=stdout,hardware=debugcon");
        builder.directory(folder.toFile())
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectOutput(console.toFile())
                .redirectError(folder.resolve("errors").toFile());
        builder.environment().put("JCROSVM_BUILD", "never");
        Process vm = builder.start();
        try {
            await(vm, console, "No bootable device.");
            vm.destroy();
            assertThat(vm.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
        } finally {
            vm.destroyForcibly();
        }
        long lowRam = Math.min(mib, 0xd00);
        assertThat(Files.readString(console))
                .contains("RamSize: 0x%08x [cmos]".formatted(lowRam << 20))
                .contains("init bdf=00:00.0 id=8086:1237")
                .contains("init bdf=00:1f.0 id=1b36:0001")
                .contains("init bdf=01:1f.0 id=1af4:1041") // it numbers buses itself
                .contains("Found " + cpus + " cpu(s)")
                .contains("Press ESC for boot menu.");
    }

    private void await(Process vm, Path console, String text) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (!Files.readString(console).contains(text)) {
            if (System.nanoTime() > deadline || !vm.isAlive()) {
                throw new AssertionError("no \"" + text + "\" in:\n" + Files.readString(console)
                        + Files.readString(folder.resolve("errors")));
            }
            TimeUnit.MILLISECONDS.sleep(100);
        }
    }
}
