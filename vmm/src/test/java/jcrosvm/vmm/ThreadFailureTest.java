package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.boot.BootConfig;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.vmm.config.RebootPolicy;
import jcrosvm.vmm.config.VmConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A thread of a VM that ends with a throwable ends the VM, whatever it was. */
@Timeout(300)
class ThreadFailureTest {
    @TempDir
    private Path folder;

    private static VmConfig config(Path folder) throws IOException {
        return VmConfig.builder()
                .memoryMib(2)
                .boot(BootConfig.defaults().withBios(Files.write(folder.resolve("rom"), new byte[4096])))
                .reboot(RebootPolicy.IN_PLACE)
                .build();
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> VcpuExit sneak(Throwable error) throws E {
        throw (E) error;
    }

    private static Throwable throwable(String kind) {
        return switch (kind) {
            case "memory" -> new OutOfMemoryError("test");
            case "stack" -> new StackOverflowError("test");
            case "defect" -> new IllegalStateException("test");
            default -> new Exception("test");
        };
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "stack", "defect", "checked"})
    void ofAVcpu(String kind) throws Exception {
        FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> sneak(throwable(kind)));
        CountDownLatch told = new CountDownLatch(1);
        try (VirtualMachine vm = VirtualMachine.create(config(folder), hypervisor.choice())) {
            vm.onFailure(told::countDown);
            assertThat(vm.run()).isEqualTo(VmExit.CRASH);
            assertThat(told.await(20, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(hypervisor.misuses).isEmpty();
    }

    @Test
    void ofAThreadThatServesIt() throws Exception {
        FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> null);
        try (VirtualMachine vm = VirtualMachine.create(config(folder), hypervisor.choice())) {
            vm.start();
            vm.threads().start("server", () -> {
                throw new AssertionError("test");
            });
            assertThat(vm.await()).isEqualTo(VmExit.CRASH);
        }
    }

    /** Errors of the timers' thread; an exception is that timer's only. */
    @Test
    void ofTheTimers() throws Exception {
        CountDownLatch told = new CountDownLatch(1);
        CountDownLatch fired = new CountDownLatch(1);
        ThreadScope scope = new ThreadScope((thread, error) -> told.countDown());
        try (MachineClock clock = scope.call(() -> new MachineClock(true))) {
            clock.timer("a", () -> {
                        throw new IllegalStateException("test");
                    })
                    .arm(0);
            clock.timer("b", fired::countDown).arm(0);
            assertThat(fired.await(20, TimeUnit.SECONDS)).isTrue();
            assertThat(told.getCount()).isEqualTo(1);
            clock.timer("c", () -> {
                        throw new OutOfMemoryError("test");
                    })
                    .arm(0);
            assertThat(told.await(20, TimeUnit.SECONDS)).isTrue();
        }
    }

    /** In a Java machine of its own, as in a program that embeds a VM: no option of ours. */
    @Test
    void aFullHeapEndsTheVmAndNotTheProgram() throws Exception {
        String[] lines = child();
        assertThat(lines).contains("crash", "and goes on");
    }

    /** As the launchers start it. */
    @Test
    void underTheLaunchersOptionsAFullHeapEndsTheProcess() throws Exception {
        String[] lines = child(
                "-XX:+ExitOnOutOfMemoryError",
                "-XX:+DisplayVMOutputToStderr",
                "-Xlog:disable",
                "-Xlog:all=error:stderr");
        assertThat(lines).containsExactly("Terminating due to java.lang.OutOfMemoryError: Java heap space", "exit 3");
    }

    private String[] child(String... options) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+UseSerialGC",
                "-Xmx24m"));
        command.addAll(List.of(options));
        command.addAll(
                List.of("-cp", System.getProperty("java.class.path"), Glutton.class.getName(), folder.toString()));
        File output = folder.resolve("output").toFile();
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output)
                .start();
        try {
            assertThat(process.waitFor(Duration.ofMinutes(4))).as("it ends").isTrue();
        } finally {
            process.destroyForcibly();
        }
        List<String> lines = new ArrayList<>(Files.readAllLines(output.toPath()));
        if (process.exitValue() != 0) {
            lines.add("exit " + process.exitValue());
        }
        return lines.toArray(String[]::new);
    }

    /** A VM whose guest makes its vCPU's thread take all memory there is, and keeps it. */
    static final class Glutton {
        private static final List<byte[]> KEPT = new ArrayList<>();

        private Glutton() {}

        public static void main(String[] args) throws Exception {
            FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> {
                KEPT.add(new byte[1 << 10]);
                return null;
            });
            VmExit exit;
            try (VirtualMachine vm = VirtualMachine.create(config(Path.of(args[0])), hypervisor.choice())) {
                vm.start();
                exit = vm.await();
                KEPT.clear();
            }
            System.out.println(exit == VmExit.CRASH ? "crash" : "no crash");
            System.out.println("and goes on");
        }
    }
}
