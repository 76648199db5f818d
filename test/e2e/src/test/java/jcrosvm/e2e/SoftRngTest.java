package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcrosvm.devices.rng.RngConfig;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Random numbers as a guest gets them, judged by the FIPS 140-2 tests of rngtest. */
@Tag("soft")
class SoftRngTest {
    private static final Path RNGTEST = Path.of("/usr/bin/rngtest");
    private static final int MIB = 1 << 20;
    private static final Pattern FAILURES = Pattern.compile("FIPS 140-2 failures: (\\d+)");

    @TempDir
    private Path directory;

    @Test
    void rngtestFindsThemRandom() throws Exception {
        assumeTrue(Files.isExecutable(RNGTEST), "rngtest is not installed: it comes with rng-tools5");
        Path disk = Files.write(directory.resolve("numbers"), new byte[2 * MIB]);
        try (GuestSession guest = VirtioScenes.plain(
                directory,
                "dd if=/dev/hwrng of=/dev/vda bs=4k count=512 iflag=fullblock conv=fsync",
                List.of("virtio_pci", "virtio_blk", "virtio_rng"),
                builder -> builder.hypervisor(new HypervisorConfig("soft", null, null))
                        .device(VirtioScenes.block("path=" + disk))
                        .device(new RngConfig()))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("DONE")).as(guest.output()).isEqualTo("0");
        }
        Process process = new ProcessBuilder(RNGTEST.toString())
                .redirectInput(disk.toFile())
                .redirectErrorStream(true)
                .start();
        String report = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        Matcher failures = FAILURES.matcher(report);
        assertThat(failures.find()).as(report).isTrue();
        // Of 839 blocks of good random numbers, one in about 1250 fails.
        assertThat(Integer.parseInt(failures.group(1))).as(report).isLessThan(8);
    }
}
