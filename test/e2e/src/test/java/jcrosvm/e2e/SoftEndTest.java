package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bad ends on the software processor: one line says what happened, and nothing is left behind. */
@Tag("soft")
class SoftEndTest {
    private static final int GDT = 0xff90;
    /** cs lidt [ff80], where six zeros are: every exception is a triple fault from here on. */
    private static final String NO_HANDLERS = "2e0f011e80ff";

    @TempDir
    private Path folder;

    @BeforeAll
    static void canRun() {
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "a breakpoint, cc, triple fault, 0",
        "code in memory that is not there, ea000000a0, triple fault, 0",
        // lgdt [ff90]; CR0.PE = 1; jmp 8:fee00000, the local APIC
        "code in a device's memory, 662e0f011690ff0f20c00c010f22c066ea0000e0fe0800, triple fault, 0",
        "an undefined instruction, 0f0b, triple fault, 0",
        "a halt without interrupts, faf4, halted, 0",
        "a loop that halts without interrupts, faf4ebfd, halted, 0",
        // as above, to the next instruction: jmp 10:0. The failure is the processor's, which has no such tasks.
        "a 16-bit task, 662e0f011690ff0f20c00c010f22c066ea1dffffff0800ea000000001000, cannot execute, 1",
    })
    void saysWhatTheGuestDid(String what, String code, String words, int status) throws Exception {
        byte[] rom = Rom.of(NO_HANDLERS + code);
        // Limit and base of the GDT, then its null, its flat 32-bit code segment and a 16-bit TSS.
        byte[] gdt = HexFormat.of()
                .parseHex("170098ffffff0000" + "0000000000000000" + "ffff0000009acf00" + "ffff000000810000");
        System.arraycopy(gdt, 0, rom, GDT, gdt.length);
        Path file = Files.write(folder.resolve("rom"), rom);
        Run run = Run.of(
                folder,
                SourceTree.ROOT.resolve("jcrosvm").toString(),
                "--log-level",
                "info",
                "run",
                "--hypervisor",
                "soft",
                "--mem",
                "32",
                "--bios",
                file.toString());
        String lines = run.err().lines().filter(line -> line.contains("vCPU 0")).reduce("", (a, b) -> a + b + "\n");
        assertThat(lines).as(what + ": " + run.err()).contains(words).hasLineCount(1);
        assertThat(run.err()).doesNotContain("Exception").doesNotContain("\tat ");
        assertThat(run.status()).isEqualTo(status);
    }

    /** What ps and pgrep show, as after crosvm's prctl, and the one line that a VM without sandbox starts with. */
    @ParameterizedTest(name = "disable-sandbox: {0}")
    @ValueSource(booleans = {false, true})
    void aProcessHasItsNameAndSaysThatNothingIsSandboxed(boolean isAccepted) throws Exception {
        Path file = Files.write(folder.resolve("rom"), Rom.of("ebfe")); // jmp to itself
        Path errors = folder.resolve("errors");
        List<String> command = new ArrayList<>(List.of(
                SourceTree.ROOT.resolve("jcrosvm").toString(),
                "run",
                "--hypervisor",
                "soft",
                "--grace-period",
                "0",
                "--name",
                "a vm with a long name",
                "--socket",
                "s.sock",
                "--bios",
                file.toString()));
        if (isAccepted) {
            command.add("--disable-sandbox");
        }
        Process vm = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectError(errors.toFile())
                .start();
        try {
            Path comm = Path.of("/proc/" + vm.pid() + "/comm");
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
            while (!Files.readString(comm).equals("a vm with a lon\n")) {
                assertThat(System.nanoTime()).as("it has its name").isLessThan(deadline);
                TimeUnit.MILLISECONDS.sleep(50);
            }
            while (!isAccepted && Files.size(errors) == 0) {
                assertThat(System.nanoTime()).as("it says so").isLessThan(deadline);
                TimeUnit.MILLISECONDS.sleep(50);
            }
            Run stop = Run.of(folder, command.getFirst(), "stop", "s.sock");
            assertThat(stop.status()).as(stop.err()).isZero();
            assertThat(vm.waitFor(120, TimeUnit.SECONDS)).as("it ended").isTrue();
        } finally {
            vm.destroyForcibly();
        }
        if (isAccepted) {
            assertThat(errors).isEmptyFile();
        } else {
            assertThat(Files.readString(errors))
                    .hasLineCount(1)
                    .contains("warning: nothing is sandboxed yet")
                    .contains("--disable-sandbox");
        }
    }

    /** A signal may come while the VM is being built, as soon as others can see the socket. */
    @Test
    void anEarlySignalLeavesNoSocket() throws Exception {
        Path file = Files.write(folder.resolve("rom"), Rom.of("ebfe")); // jmp to itself
        Path socket = folder.resolve("s.sock");
        for (int round = 0; round < 5; round++) {
            Process vm = new ProcessBuilder(
                            SourceTree.ROOT.resolve("jcrosvm").toString(),
                            "run",
                            "--hypervisor",
                            "soft",
                            "--socket",
                            socket.toString(),
                            "--grace-period",
                            "0",
                            "--bios",
                            file.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("out").toFile())
                    .start();
            try {
                long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
                while (vm.isAlive() && !Files.exists(socket)) {
                    assertThat(System.nanoTime()).as("it makes its socket").isLessThan(deadline);
                }
                vm.destroy();
                assertThat(vm.waitFor(60, TimeUnit.SECONDS)).as("it ended").isTrue();
                assertThat(socket).as(Files.readString(folder.resolve("out"))).doesNotExist();
            } finally {
                vm.destroyForcibly();
            }
        }
    }

    @Test
    void outputThatCannotBeWrittenIsAFailure() throws Exception {
        for (String command : List.of("help", "version", "run --help")) {
            Run run = Run.of(
                    folder,
                    "sh",
                    "-c",
                    "exec \"$0\" " + command + " >/dev/full",
                    SourceTree.ROOT.resolve("jcrosvm").toString());
            assertThat(run.err()).contains("cannot write to standard output").hasLineCount(1);
            assertThat(run.status()).isEqualTo(1);
        }
    }
}
