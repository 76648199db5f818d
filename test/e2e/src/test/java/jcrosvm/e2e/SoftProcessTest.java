package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A VM as a process among others: terminals, jobs, signals and limits. */
@Tag("soft")
class SoftProcessTest {
    private static final String SCRIPT = SourceTree.ROOT.resolve("jcrosvm").toString();

    @TempDir
    private Path folder;

    /** Prints an A on COM1 and leaves with exit code 1. */
    private String letter;

    @BeforeAll
    static void canRun() {
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
    }

    @BeforeEach
    void writeGuest() throws Exception {
        // mov al, 'A'; mov dx, 3f8; out dx, al; mov al, 0; out f4, al; jmp to itself
        letter = command(rom("letter", "b041baf803eeb000e6f4ebfe"), "--debug-exit", "port=0xf4");
    }

    private Path rom(String name, String code) throws Exception {
        return Files.write(folder.resolve(name), Rom.of(code));
    }

    private static String command(Path rom, String... options) {
        return String.join(
                " ", SCRIPT, "run --hypervisor soft --mem 32 --bios", rom.toString(), String.join(" ", options));
    }

    private String onTerminal(String line) throws Exception {
        Path python = Path.of("/usr/bin/python3");
        assumeTrue(Files.isExecutable(python), "python3 makes the terminal");
        Path script = Path.of(SoftProcessTest.class.getResource("job.py").toURI());
        Run run = Run.of(folder, python.toString(), script.toString(), line);
        assertThat(run.err()).isEmpty();
        return run.out();
    }

    /** A console that does not read the terminal is no reason to touch it. */
    @Test
    void runsInTheBackground() throws Exception {
        Path log = folder.resolve("log");
        assertThat(onTerminal(letter + " --serial type=file,path=" + log + " &"))
                .startsWith("ended\n");
        assertThat(log).hasContent("A");
    }

    /** As others that want the terminal's keys. */
    @Test
    void waitsInTheBackgroundForTheTerminal() throws Exception {
        assertThat(onTerminal(letter + " &")).startsWith("stopped\n").doesNotContain("keyboard");
    }

    @Test
    void saysHowToEndAVmThatHasTheKeyboard() throws Exception {
        String shown = onTerminal(letter + " -s vm.sock");
        assertThat(shown).startsWith("ended\n").containsPattern("'jcrosvm stop /.*/vm.sock' or 'kill [0-9]+'");
        assertThat(onTerminal(letter + " 2>errors")).startsWith("ended\n").doesNotContain("keyboard");
        assertThat(folder.resolve("errors")).content().doesNotContain("keyboard");
        assertThat(onTerminal(letter + " --serial type=stdout"))
                .startsWith("ended\n")
                .doesNotContain("keyboard");
    }

    @Test
    void twoSignalsAtOnceAreOne() throws Exception {
        Path rom = rom("loop", "ebfe");
        Path socket = folder.resolve("vm.sock");
        Path errors = folder.resolve("errors");
        Process vm = new ProcessBuilder(
                        command(rom, "--grace-period 3 -s", socket.toString()).split(" "))
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectOutput(folder.resolve("out").toFile())
                .redirectError(errors.toFile())
                .start();
        try {
            // The VM runs as soon as it answers.
            assertThat(Run.of(folder, SCRIPT, "resume", awaited(socket, vm)).status())
                    .isZero();
            Run.of(folder, "sh", "-c", "kill -HUP $0; kill -TERM $0", Long.toString(vm.pid()));
            assertThat(vm.waitFor(60, TimeUnit.SECONDS)).as("it ended").isTrue();
            assertThat(errors)
                    .content()
                    .contains("did not shut down within 3 s")
                    .doesNotContain("second signal");
        } finally {
            vm.destroyForcibly();
        }
    }

    private static String awaited(Path socket, Process vm) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!Files.exists(socket)) {
            assertThat(vm.isAlive() && System.nanoTime() < deadline)
                    .as("it makes its socket")
                    .isTrue();
        }
        return socket.toString();
    }

    /** The signal of a file that would grow beyond the limit must not end the VM. */
    @Test
    void aLimitOnFileSizesCostsOutputButNotTheGuest() throws Exception {
        Path log = folder.resolve("log");
        Run run = Run.of(
                folder,
                "bash",
                "-c",
                "truncate -s 50M log; ulimit -f 40000; exec " + letter + " --serial type=file,path=" + log);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("/log: ").contains("File too large");
    }
}
