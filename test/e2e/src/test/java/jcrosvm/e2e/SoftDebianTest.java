package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import jcrosvm.guest.DiskSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Debian 12 with systemd and its generic kernel boots and shuts down on the heap that the launcher gives. */
@Tag("soft")
class SoftDebianTest {
    private static final double MOST_BESIDE_MIB = 256;

    /** One copy for all: each boot finds what the one before left. */
    private static DiskSession disk;

    @TempDir
    private Path folder;

    @BeforeAll
    static void copy() {
        disk = WorkDisk.open();
    }

    @AfterAll
    static void remove() {
        disk.close();
    }

    @ParameterizedTest(name = "{0} vCPUs, {1} MiB")
    @CsvSource({"1, 1024", "2, 2048", "4, 2048", "8, 3072", "16, 3072"})
    void systemdComesUpAndSwitchesOff(int cpus, int mib) throws Exception {
        String script = """
                mark CPUS $(nproc)
                mark RELEASE $(. /etc/os-release; echo $VERSION_ID) $(uname -r)
                dmesg | grep -iE 'soft lockup|rcu.*stall|call trace|kernel BUG|segfault' && mark TROUBLE
                serve
                """;
        try (LaunchedVm vm = new LaunchedVm(
                folder, disk.running(script, Map.of()), cpus, mib, "--block", "path=" + disk.disk(), "--net", "user")) {
            assertThat(vm.awaitMarker("UP")).as(vm.output()).isEqualTo("running");
            String up = vm.costs();
            assertThat(vm.awaitMarker("CPUS")).isEqualTo(Integer.toString(cpus));
            assertThat(vm.awaitMarker("RELEASE")).startsWith("12 6.1.").doesNotContain("cloud");
            vm.awaitMarker("SERVING");
            double beside = vm.besideMib();
            vm.type("end");
            vm.awaitGoodEnd();
            System.out.printf(
                    "Debian with systemd on %d vCPUs: up after %s; ended after %.1f s%n", cpus, up, vm.seconds());
            assertThat(vm.awaitMarker("DONE")).isEqualTo("0");
            assertThat(vm.output()).doesNotContain("TROUBLE");
            if (cpus <= 4) {
                assertThat(beside).as("MiB beside guest RAM").isLessThanOrEqualTo(MOST_BESIDE_MIB);
            }
        }
    }
}
