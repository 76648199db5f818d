package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.DiskSession;
import jcrosvm.guest.Guests;
import jcrosvm.guest.TestGuest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Machines of many processors boot and shut down on the heap that the launcher gives: Debian 12 with systemd, busybox. */
@Tag("soft")
class SoftDebianTest {
    private static final double MOST_BESIDE_MIB = 256;
    private static final int MOST_CPUS = 64;

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

    @Test
    void busyboxOnAsManyAsThereCanBe() throws Exception {
        String script = """
                mark CPUS $(nproc)
                for i in $(seq $(nproc)); do (i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); done; mark COUNTED $i) & done
                wait
                dmesg | grep -iE 'call trace|kernel BUG' && mark TROUBLE
                serve
                """;
        TestGuest guest = new TestGuest(Guests.ofUser(line -> {}), DebianKernel.CLOUD_6_1, script);
        try (LaunchedVm vm = new LaunchedVm(folder, guest.write(folder.resolve("initramfs")), MOST_CPUS, 1024)) {
            assertThat(vm.awaitMarker("CPUS")).isEqualTo(Integer.toString(MOST_CPUS));
            assertThat(vm.awaitMarker("COUNTED", MOST_CPUS)).isEqualTo("1000");
            vm.awaitMarker("SERVING");
            String work = vm.costs();
            vm.type("end");
            vm.awaitGoodEnd();
            System.out.printf("busybox on %d vCPUs: %s; ended after %.1f s%n", MOST_CPUS, work, vm.seconds());
            assertThat(vm.awaitMarker("DONE")).isEqualTo("0");
            assertThat(vm.output()).doesNotContain("TROUBLE");
        }
    }
}
