package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.Guests;
import jcrosvm.guest.TestGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The program as users start it, with a guest that boots. */
@Tag("kvm")
class CommandLineTest {
    private static final String SCRIPT = SourceTree.ROOT.resolve("jcrosvm").toString();
    private static final long LIMIT_SECONDS = 240;

    @TempDir
    private Path folder;

    private Process vm;
    private Path output;

    private void start(String script, String... options) throws Exception {
        GuestImage image = new TestGuest(Guests.ofUser(line -> {}), DebianKernel.CLOUD_6_1, script)
                .write(folder.resolve("initramfs"));
        output = folder.resolve("output");
        List<String> command = new ArrayList<>(List.of(SCRIPT, "--extended-status", "run"));
        command.addAll(List.of("-i", image.initramfs().toString(), "-p", image.parameters(), "-s", "vm.sock"));
        command.addAll(List.of(options));
        command.add(image.kernel().toString());
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectOutput(output.toFile())
                .redirectError(folder.resolve("errors").toFile());
        builder.environment().put("JCROSVM_BUILD", "never");
        vm = builder.start();
    }

    @AfterEach
    void kill() {
        if (vm != null) {
            vm.destroyForcibly();
        }
    }

    private void awaitOutput(String text) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (!Files.readString(output).contains(text)) {
            if (System.nanoTime() > deadline || !vm.isAlive()) {
                throw new AssertionError("no \"" + text + "\" in:\n" + Files.readString(output)
                        + Files.readString(folder.resolve("errors")));
            }
            TimeUnit.MILLISECONDS.sleep(100);
        }
    }

    private int awaitEnd() throws Exception {
        assertThat(vm.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS))
                .as("the VM ends")
                .isTrue();
        assertThat(folder.resolve("vm.sock")).doesNotExist();
        return vm.exitValue();
    }

    private int command(String... words) throws Exception {
        List<String> command = new ArrayList<>(List.of(SCRIPT));
        command.addAll(List.of(words));
        Run run = Run.of(folder, command.toArray(String[]::new));
        assertThat(run.err()).isEmpty();
        return run.status();
    }

    @ParameterizedTest
    @CsvSource({"poweroff, 0", "reboot, 32", "panic, 34"})
    void extendedStatusTellsHowTheGuestEnded(String script, int status) throws Exception {
        start(script);
        assertThat(awaitEnd()).as(Files.readString(output)).isEqualTo(status);
    }

    @Test
    void commandsControlTheVm() throws Exception {
        start("idle", "--cpus", "2");
        awaitOutput("@@ IDLE");
        assertThat(command("suspend", "vm.sock")).isZero();
        assertThat(command("suspend", "vm.sock", "--full")).isZero();
        assertThat(command("resume", "vm.sock", "--full")).isZero();
        garbageIsAnsweredAndSurvived();
        assertThat(command("sleepbtn", "vm.sock")).isZero();
        awaitOutput("@@ SLEEP-BUTTON");
        assertThat(command("powerbtn", "vm.sock")).isZero();
        awaitOutput("@@ POWER-BUTTON");
        assertThat(awaitEnd()).isZero();
    }

    private void garbageIsAnsweredAndSurvived() {
        try (UnixSocket socket = UnixSocket.connect(folder.resolve("vm.sock"), UnixSocket.Type.SEQPACKET)) {
            for (String garbage : List.of("garbage", "{", "\"NoSuchRequest\"", "{\"Exit\":[[[[", "\u0000\u0001")) {
                socket.send(garbage.getBytes(StandardCharsets.UTF_8));
                String reply =
                        new String(Objects.requireNonNull(socket.receive(4096)).data(), StandardCharsets.UTF_8);
                assertThat(reply).contains("Err");
            }
        }
    }

    @Test
    void stopEndsIt() throws Exception {
        start("idle");
        awaitOutput("@@ IDLE");
        assertThat(command("stop", "vm.sock")).isZero();
        assertThat(awaitEnd()).isZero();
    }

    @Test
    void theTermSignalPressesThePowerButton() throws Exception {
        start("idle", "--grace-period", "100");
        awaitOutput("@@ IDLE");
        vm.destroy();
        awaitOutput("@@ POWER-BUTTON");
        assertThat(awaitEnd()).isZero();
    }

    @Test
    void aSecondTermSignalStopsAtOnce() throws Exception {
        start("trap '' TERM; killall acpid; idle", "--grace-period", "1000");
        awaitOutput("@@ IDLE");
        vm.destroy();
        TimeUnit.SECONDS.sleep(2);
        assertThat(vm.isAlive()).isTrue();
        vm.destroy();
        assertThat(awaitEnd()).isZero();
        assertThat(Files.readString(output)).doesNotContain("POWER-BUTTON");
    }

    @Test
    void theGracePeriodEnds() throws Exception {
        start("killall acpid; idle", "--grace-period", "3");
        awaitOutput("@@ IDLE");
        vm.destroy();
        assertThat(awaitEnd()).isZero();
    }

    /** Reads every port and all of PCI configuration space, and writes noise where it can do so without a reset. */
    @Test
    void aGuestThatHammersPortsAndPciHarmsOnlyItself() throws Exception {
        start("""
                dd if=/dev/port of=/dev/null bs=1 count=65536 2>/dev/null
                for config in /sys/bus/pci/devices/*/config; do
                    cat $config >/dev/null
                    for i in 1 2 3 4 5 6 7 8; do dd if=/dev/urandom of=$config bs=256 count=1 conv=notrunc 2>/dev/null; done
                done
                dd if=/dev/urandom of=/dev/port bs=1 seek=1536 count=1700 2>/dev/null
                dd if=/dev/urandom of=/dev/port bs=1 seek=49226 count=10000 2>/dev/null
                dd if=/dev/urandom of=/dev/port bs=1 seek=112 count=2 2>/dev/null
                mark SURVIVED
                """);
        awaitOutput("@@ SURVIVED");
        assertThat(awaitEnd()).isZero();
    }
}
