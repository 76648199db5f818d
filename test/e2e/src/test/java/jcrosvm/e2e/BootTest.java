package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.function.UnaryOperator;
import jcrosvm.boot.KernelUnpack;
import jcrosvm.guest.DebianKernel;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Debian's kernels to userspace, over the machine's variants. */
@Tag("kvm")
class BootTest {
    private static final String REPORT = """
            mark CPUS $(nproc)
            mark MEMORY $(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
            mark PACKAGES $(awk '/^physical id/ {print $4}' /proc/cpuinfo | sort -u | wc -l)
            mark IRQ0 $(awk '$1 == "0:" || $1 == "LOC:" {n += $2} END {print n}' /proc/interrupts)
            mark ACPI $(ls -d /sys/firmware/acpi/tables/DSDT 2>/dev/null)
            mark RNG $(dmesg | grep -c 'crng init done')
            mark PVPANIC $(cat /sys/bus/pci/devices/*/device 2>/dev/null | grep -c 0x0011)
            dmesg | grep -iE 'soft lockup|rcu.*stall|clocksource.*unstable|call trace|kernel BUG' && mark TROUBLE
            true
            """;

    @TempDir
    private Path directory;

    private static UnaryOperator<VmConfigBuilder> machine(
            KernelUnpack unpack, int cpus, int mib, IrqChipMode chip, String... params) {
        return builder -> builder.cpus(cpus)
                .memoryMib(mib)
                .hypervisor(new HypervisorConfig("kvm", null, chip))
                .boot(builder.build().boot().withUnpack(unpack).withParams(java.util.List.of(params)));
    }

    /** Every value of every column meets most values of the others. */
    @ParameterizedTest(name = "{0} unpack={1} {2} vCPUs {3} MiB irqchip={4}")
    @CsvSource({
        "CLOUD_6_1, OFF, 1, 128, KERNEL",
        "CLOUD_6_1, ON, 2, 6144, KERNEL",
        "CLOUD_6_1, ON, 8, 256, SPLIT",
        "CLOUD_6_12, OFF, 2, 256, SPLIT",
        "CLOUD_6_12, ON, 8, 6144, KERNEL",
        "CLOUD_6_12, ON, 1, 160, SPLIT",
    })
    void reachesUserspace(DebianKernel kernel, KernelUnpack unpack, int cpus, int mib, IrqChipMode chip)
            throws Exception {
        try (GuestSession guest = new GuestSession(directory, kernel, REPORT, machine(unpack, cpus, mib, chip))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("CPUS")).isEqualTo(Integer.toString(cpus));
            assertThat(Integer.parseInt(guest.awaitMarker("MEMORY"))).isBetween(mib * 6 / 10, mib);
            assertThat(guest.awaitMarker("PACKAGES")).isEqualTo("1");
            assertThat(guest.awaitMarker("ACPI")).isNotEmpty();
            assertThat(guest.awaitMarker("RNG")).isEqualTo("1");
            assertThat(guest.awaitMarker("PVPANIC")).isEqualTo("1");
            assertThat(guest.awaitMarker("DONE")).isEqualTo("0");
            assertThat(guest.output()).doesNotContain("TROUBLE");
        }
    }

    @ParameterizedTest(name = "acpi=off irqchip={0}")
    @EnumSource(IrqChipMode.class)
    void reachesUserspaceByTheMpTable(IrqChipMode chip) throws Exception {
        // The cloud kernels cannot read MP tables (CONFIG_X86_MPPARSE).
        try (GuestSession guest = new GuestSession(
                directory, DebianKernel.GENERIC_6_12, REPORT, machine(KernelUnpack.AUTO, 2, 256, chip, "acpi=off"))) {
            // Without ACPI the guest cannot power off: it halts, and reboots only when told to.
            assertThat(guest.awaitMarker("DONE")).isEqualTo("0");
            assertThat(guest.awaitMarker("CPUS")).isEqualTo("2");
            assertThat(guest.awaitMarker("ACPI")).isEmpty();
            assertThat(guest.awaitMarker("PVPANIC")).isEqualTo("1");
            assertThat(guest.output()).doesNotContain("TROUBLE");
            guest.vm().stop();
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
    }

    @Test
    void clustersBecomePackages() throws Exception {
        try (GuestSession guest = new GuestSession(
                directory,
                DebianKernel.CLOUD_6_12,
                REPORT,
                builder -> builder.cpus(new jcrosvm.vmm.config.CpuConfig(
                        6,
                        java.util.List.of(jcrosvm.config.CpuSet.of(0, 1, 2), jcrosvm.config.CpuSet.of(3, 4, 5)),
                        jcrosvm.vmm.config.CpuAffinity.NONE,
                        true,
                        false,
                        jcrosvm.vmm.config.CpuConfig.NestedMode.OFF)))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("CPUS")).isEqualTo("6");
            assertThat(guest.awaitMarker("PACKAGES")).isEqualTo("2");
        }
    }
}
