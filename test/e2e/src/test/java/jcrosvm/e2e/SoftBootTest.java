package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import jcrosvm.boot.KernelUnpack;
import jcrosvm.guest.DebianKernel;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.SuspendClock;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The same machine on the software processor, which needs nothing of the host but a JVM. */
@Tag("soft")
class SoftBootTest {
    private static final String REPORT = """
            mark CPUS $(nproc)
            mark CLOCK $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)
            mark ACPI $(ls -d /sys/firmware/acpi/tables/DSDT 2>/dev/null)
            clocks
            sleep 1
            clocks
            dmesg | grep -iE 'soft lockup|rcu.*stall|clocksource.*unstable|call trace|kernel BUG|TSC.*unstable' && mark TROUBLE
            true
            """;

    private static final int PAUSE_SECONDS = 6;

    @TempDir
    private Path directory;

    private static UnaryOperator<VmConfigBuilder> machine(
            KernelUnpack unpack, int cpus, int mib, String... parameters) {
        return builder -> builder.cpus(cpus)
                .memoryMib(mib)
                .hypervisor(new HypervisorConfig("soft", null, null))
                .boot(builder.build().boot().withUnpack(unpack).withParams(List.of(parameters)));
    }

    @ParameterizedTest(name = "{0} unpack={1} {2} vCPUs {3} MiB")
    @CsvSource({
        "CLOUD_6_1, OFF, 1, 128",
        "CLOUD_6_1, ON, 2, 256",
        "CLOUD_6_1, ON, 4, 512",
        "CLOUD_6_12, ON, 1, 256",
        "CLOUD_6_12, OFF, 2, 6144",
        "CLOUD_6_12, ON, 4, 256",
    })
    void reachesUserspace(DebianKernel kernel, KernelUnpack unpack, int cpus, int mib) throws Exception {
        try (GuestSession guest = new GuestSession(directory, kernel, REPORT, machine(unpack, cpus, mib))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("CPUS")).isEqualTo(Integer.toString(cpus));
            assertThat(guest.awaitMarker("CLOCK")).isIn("kvm-clock", "tsc");
            assertThat(guest.awaitMarker("ACPI")).isNotEmpty();
            assertThat(guest.awaitMarker("DONE")).isEqualTo("0");
            assertThat(guest.output()).doesNotContain("TROUBLE");
        }
    }

    @Test
    void aGenericKernelFindsItsProcessorsByTheMpTable() throws Exception {
        try (GuestSession guest = new GuestSession(
                directory, DebianKernel.GENERIC_6_12, REPORT, machine(KernelUnpack.AUTO, 2, 256, "acpi=off"))) {
            assertThat(guest.awaitMarker("DONE")).isEqualTo("0");
            assertThat(guest.awaitMarker("CPUS")).isEqualTo("2");
            assertThat(guest.output()).doesNotContain("TROUBLE");
            guest.vm().stop();
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
    }

    /** The table knows the pins of bus 0 only: Linux follows those of other buses through their bridges. */
    @Test
    void aGenericKernelFindsInterruptsBehindABridgeByTheMpTable() throws Exception {
        Path disk = Files.write(directory.resolve("disk"), VirtioScenes.noise(5, 1 << 20));
        String script = """
                mark "DISK $(readlink -f /sys/block/vda/device)"
                mark "SHA $(sha256sum </dev/vda)"
                mark "LINES $(grep -c 'IO-APIC.*virtio[0-9]$' /proc/interrupts)"
                """;
        try (GuestSession guest = new GuestSession(
                directory,
                DebianKernel.GENERIC_6_12,
                script,
                image -> image.modules("virtio_pci", "virtio_blk"),
                builder -> machine(KernelUnpack.AUTO, 1, 256, "acpi=off", "pci=nomsi")
                        .apply(builder)
                        .device(VirtioScenes.block("path=" + disk + ",pci-address=01:02.0")))) {
            assertThat(guest.awaitMarker("DISK")).contains("/0000:00:1f.0/0000:01:02.0/");
            assertThat(guest.awaitMarker("SHA")).startsWith(VirtioScenes.sha256(Files.readAllBytes(disk)));
            assertThat(guest.awaitMarker("LINES")).isEqualTo("1");
            guest.vm().stop();
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
    }

    @ParameterizedTest(name = "{0} full={1}")
    @CsvSource({"RUN, false", "RUN, true", "STOP, false", "STOP, true"})
    void clocksAgreeAfterASuspend(SuspendClock policy, boolean full) throws Exception {
        try (GuestSession guest = new GuestSession(
                directory,
                DebianKernel.CLOUD_6_12,
                "serve",
                builder -> machine(KernelUnpack.ON, 2, 256).apply(builder).suspendClock(policy))) {
            SuspendScenes.suspend(guest, policy, full, PAUSE_SECONDS);
        }
    }
}
