package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import jcrosvm.boot.BootConfig;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.vmm.config.RebootPolicy;
import jcrosvm.vmm.config.VmConfig;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A failure of ours or of the host's is told apart from all that a guest can do. */
class FailureTest {
    private static final int CONFIG_ADDRESS = 0xcf8;
    private static final int CONFIG_DATA = 0xcfc;
    private static final int PVPANIC = 0x0011_1b36;

    @TempDir
    private Path folder;

    private VmConfig config(RebootPolicy policy) throws IOException {
        return VmConfig.builder()
                .memoryMib(2)
                .boot(BootConfig.defaults().withBios(Files.write(folder.resolve("rom"), new byte[4096])))
                .reboot(policy)
                .build();
    }

    @ParameterizedTest
    @CsvSource({
        "refused entry, CRASH",
        "debugger, CRASH",
        "defect, CRASH",
        "no memory, CRASH",
        "refused entry after a panic, CRASH",
        "halt after a panic, GUEST_PANIC",
        "halt, STOP",
        "guest's crash, GUEST_PANIC",
    })
    void isACrash(String what, VmExit expected) throws Exception {
        for (RebootPolicy policy : RebootPolicy.values()) {
            FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> {
                if (what.endsWith(" after a panic")) {
                    panic(machine);
                }
                return switch (what.replace(" after a panic", "")) {
                    case "refused entry" -> new VcpuExit.Failed("refused");
                    case "debugger" -> new VcpuExit.Debug(VcpuExit.Debug.Cause.STEP, 0, VcpuExit.Debug.NO_BREAKPOINT);
                    case "defect" -> throw new IllegalStateException("as the test asked");
                    case "no memory" -> throw new OutOfMemoryError("as the test asked");
                    case "halt" -> new VcpuExit.Halt();
                    default -> new VcpuExit.SystemEvent(VcpuExit.SystemEvent.Kind.CRASH);
                };
            });
            try (VirtualMachine vm = VirtualMachine.create(config(policy), hypervisor.choice())) {
                assertThat(vm.run()).as("reboot " + policy).isEqualTo(expected);
            }
        }
    }

    /** As a guest's kernel does: it looks for the device on bus 0, and writes to its register. */
    private static void panic(VcpuExitHandler machine) {
        for (int device = 0; device < 32; device++) {
            int function = 0x8000_0000 | device << 11;
            if (config(machine, function) == PVPANIC) {
                machine.portWrite(CONFIG_ADDRESS, 4, function | 4);
                machine.portWrite(CONFIG_DATA, 2, 2); // memory space
                machine.mmioWrite(config(machine, function | 0x10) & 0xffff_fff0L, 1, 1);
                return;
            }
        }
        throw new AssertionError("no pvpanic device");
    }

    private static int config(VcpuExitHandler machine, int address) {
        machine.portWrite(CONFIG_ADDRESS, 4, address);
        return (int) machine.portRead(CONFIG_DATA, 4);
    }
}
