package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program itself with a sound card in a process of its own. */
@Tag("soft")
class SoftDeviceProcessTest {
    private static final String PROGRAM = SourceTree.ROOT.resolve("jcrosvm").toString();
    private static final int LIMIT_SECONDS = 120;

    @TempDir
    private Path folder;

    private final List<Process> started = new ArrayList<>();

    @BeforeAll
    static void canRun() {
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
    }

    @AfterEach
    void end() {
        started.forEach(Process::destroyForcibly);
    }

    private Process start(String... options) throws Exception {
        Path rom = Files.write(folder.resolve("rom"), Rom.of("ebfe")); // jmp to itself
        List<String> command = new ArrayList<>(List.of(PROGRAM, "--extended-status", "--no-syslog", "run"));
        command.addAll(List.of("--hypervisor", "soft", "--mem", "32", "--disable-sandbox", "--grace-period", "0"));
        command.addAll(List.of("--socket", "s.sock", "--bios", rom.toString()));
        command.addAll(List.of(options));
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectError(folder.resolve("errors").toFile());
        builder.environment().put("JCROSVM_BUILD", "never");
        // A start-up cache that does not fit would be an error.
        builder.environment().put("JCROSVM_JAVA_OPTIONS", "-XX:AOTMode=on");
        Process vm = builder.start();
        started.add(vm);
        return vm;
    }

    private String errors() throws Exception {
        return Files.readString(folder.resolve("errors"));
    }

    /** The processes of its cards, once they answer. */
    private List<ProcessHandle> cards(Process vm, int count) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        // The socket answers when the VM has been built.
        while (mute(false).status() != 0) {
            assertThat(vm.isAlive()).as(errors()).isTrue();
            assertThat(System.nanoTime()).as(errors()).isLessThan(deadline);
        }
        List<ProcessHandle> cards = vm.children().toList();
        assertThat(cards).as(errors()).hasSize(count);
        return cards;
    }

    private Run mute(boolean on) throws Exception {
        return Run.of(folder, PROGRAM, "snd", "mute-all", Boolean.toString(on), "s.sock");
    }

    private static void awaitEnd(ProcessHandle process) throws Exception {
        process.onExit().get(LIMIT_SECONDS, TimeUnit.SECONDS);
    }

    private static int awaitStatus(Process vm) throws Exception {
        assertThat(vm.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)).as("it ended").isTrue();
        return vm.exitValue();
    }

    @Test
    void cardsStartAreMutedAndEndWithTheirVm() throws Exception {
        Process vm = start("--virtio-snd", "placement=process", "--virtio-snd", "placement=process,formats=all");
        List<ProcessHandle> cards = cards(vm, 2);
        assertThat(mute(true).status()).isZero();
        assertThat(Run.of(folder, PROGRAM, "stop", "s.sock").status()).isZero();
        assertThat(awaitStatus(vm)).isZero();
        for (ProcessHandle card : cards) {
            awaitEnd(card);
        }
        assertThat(errors()).isEmpty();
    }

    @Test
    void aCardThatIsKilledEndsItsVm() throws Exception {
        Process vm = start("--virtio-snd", "placement=process");
        ProcessHandle card = cards(vm, 1).getFirst();
        assertThat(card.destroyForcibly()).isTrue();
        assertThat(awaitStatus(vm)).isEqualTo(33);
        assertThat(errors())
                .isEqualTo(
                        "jcrosvm: error: vhost-user: [Card 0] the process of snd0 (pid %d) was ended by signal 9 (SIGKILL)\n"
                                .formatted(card.pid()));
    }

    @Test
    void aVmThatIsKilledLeavesNoCard() throws Exception {
        Process vm = start("--virtio-snd", "placement=process");
        ProcessHandle card = cards(vm, 1).getFirst();
        vm.destroyForcibly();
        awaitStatus(vm);
        awaitEnd(card);
    }

    @Test
    void aCardHasFourDescriptorsOfItsVmAndItsOwnLog() throws Exception {
        Path logs = Files.createDirectory(folder.resolve("logs"));
        Path played = Files.createDirectory(folder.resolve("played"));
        Process vm = start(
                "--logs-directory",
                logs.toString(),
                "--virtio-snd",
                "backend=file,playback_path=" + played + ",playback_size=1000,placement=process,"
                        + "output_device_config=[[effects=[aec]],[effects=[aec]]]");
        ProcessHandle card = cards(vm, 1).getFirst();
        String files = "";
        for (String number : new String[] {"0", "1", "2", "3"}) {
            files += Files.readSymbolicLink(Path.of("/proc/" + card.pid() + "/fd/" + number)) + "\n";
        }
        assertThat(files)
                .startsWith("/dev/null\n%s/snd0_stdout.log\n%s/snd0_stderr.log\nsocket:".formatted(logs, logs));
        try (var all = Files.list(Path.of("/proc/" + card.pid() + "/fd"))) {
            List<String> ofVm = new ArrayList<>();
            for (Path fd : all.toList()) {
                ofVm.add(Files.readSymbolicLink(fd).toString());
            }
            assertThat(ofVm)
                    .noneMatch(name -> name.contains("s.sock") || name.endsWith("/errors") || name.equals("/dev/kvm"))
                    .contains(played + "/stream-0.out");
        }
        assertThat(Files.readString(logs.resolve("snd0_syslog.log")))
                .contains("jcrosvm: warning: [Card 0] output_device_config is for 2 devices, and there are 1");
        assertThat(errors()).isEmpty();
        assertThat(Run.of(folder, PROGRAM, "stop", "s.sock").status()).isZero();
        assertThat(awaitStatus(vm)).isZero();
    }

    @Test
    void whatCannotBeIsOneLine() throws Exception {
        Process none = start(
                "--virtio-snd",
                "placement=process",
                "--logs-directory",
                folder.resolve("none").toString());
        assertThat(awaitStatus(none)).isEqualTo(1);
        assertThat(errors())
                .startsWith("jcrosvm: error: failed to set up vhost-user snd device: [Card 0] cannot open "
                        + folder.resolve("none/snd0_stdout.log"))
                .hasLineCount(1);
        Process bad = start("--virtio-snd", "placement=nowhere");
        assertThat(awaitStatus(bad)).isEqualTo(35);
        assertThat(errors()).contains("nowhere").contains("thread, process").hasLineCount(1);
    }
}
