package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.PcDevices;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.vmm.config.DebugExitConfig;
import jcrosvm.vmm.config.RebootPolicy;
import jcrosvm.vmm.config.VmConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a guest does after it asked for a reset is of no account. */
class RebootTest {
    private static final int ROUNDS = 20;
    private static final int PM_CONTROL = (int) PcDevices.ACPI_PM.base() + 4;
    private static final int SLEEP_S5 = 0x2000;
    private static final int DEBUG_PORT = 0xf4;

    @TempDir
    private Path folder;

    private VmConfig config(RebootPolicy policy) throws IOException {
        return VmConfig.builder()
                .memoryMib(2)
                .boot(BootConfig.defaults().withBios(Files.write(folder.resolve("rom"), new byte[4096])))
                .reboot(policy)
                .debugExit(new DebugExitConfig(DEBUG_PORT, false))
                .build();
    }

    @ParameterizedTest
    @ValueSource(strings = {"halts", "fails", "powers off", "leaves", "resets again"})
    void theFirstEndOfAMachineCounts(String then) throws Exception {
        AtomicInteger starts = new AtomicInteger();
        FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> {
            if (starts.incrementAndGet() > ROUNDS) {
                machine.portWrite(PM_CONTROL, 2, SLEEP_S5);
                return new VcpuExit.Halt();
            }
            machine.portWrite(PcDevices.RESET_PORT, 1, PcDevices.RESET_VALUE);
            switch (then) {
                case "powers off" -> machine.portWrite(PM_CONTROL, 2, SLEEP_S5);
                case "leaves" -> machine.portWrite(DEBUG_PORT, 1, 7);
                case "resets again" -> machine.portWrite(PcDevices.RESET_PORT, 1, PcDevices.RESET_VALUE);
                default -> {}
            }
            return then.equals("fails") ? new VcpuExit.Failed("after the reset") : new VcpuExit.Halt();
        });
        try (VirtualMachine vm = VirtualMachine.create(config(RebootPolicy.IN_PLACE), hypervisor.choice())) {
            assertThat(vm.run()).isEqualTo(VmExit.STOP);
            assertThat(vm.debugExit()).isEmpty();
        }
        assertThat(starts).hasValue(ROUNDS + 1);
    }

    @Test
    void aResetThatEndsTheProcessIsNoHalt() throws Exception {
        FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> {
            machine.portWrite(PcDevices.RESET_PORT, 1, PcDevices.RESET_VALUE);
            return new VcpuExit.Halt();
        });
        try (VirtualMachine vm = VirtualMachine.create(config(RebootPolicy.EXIT), hypervisor.choice())) {
            assertThat(vm.run()).isEqualTo(VmExit.RESET);
        }
    }
}
