package jcrosvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("rig")
final class RigTest {
    private static final Path RIG = find();

    @TempDir
    private Path directory;

    private record Result(int code, String output, String errors) {}

    private static Path find() {
        for (Path at = Path.of("").toAbsolutePath(); at.getParent() != null; at = at.getParent()) {
            if (Files.isExecutable(at.resolve("tools/kvm-rig"))) {
                return at.resolve("tools/kvm-rig");
            }
        }
        return fail("there is no tools/kvm-rig above " + Path.of("").toAbsolutePath());
    }

    @BeforeAll
    static void prepare() throws Exception {
        try {
            Guests guests = Guests.ofUser(System.err::println);
            guests.kernel(DebianKernel.GENERIC_6_12);
            guests.busybox();
        } catch (VmmException e) {
            abort(e.getMessage());
        }
        Result setup = finish(start("--setup"));
        assumeTrue(setup.code == 0 || !setup.errors.contains("cannot fetch"), setup.errors);
        assertThat(setup.code).as(setup.errors).isZero();
    }

    private static Process start(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(RIG.toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().keySet().removeIf(name -> name.startsWith("RIG_"));
        builder.environment().put("RIG_CLASSPATH", System.getProperty("java.class.path"));
        Process process = builder.start();
        process.getOutputStream().close();
        return process;
    }

    private static Result finish(Process process) throws Exception {
        CompletableFuture<String> errors = CompletableFuture.supplyAsync(() -> text(process.getErrorStream()));
        String output = text(process.getInputStream());
        if (!process.waitFor(5, TimeUnit.MINUTES)) {
            process.destroy();
            fail("the rig never ended");
        }
        return new Result(process.exitValue(), output, errors.join());
    }

    private static String text(InputStream in) {
        try (in) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static boolean alive(List<ProcessHandle> processes) {
        return processes.stream().anyMatch(ProcessHandle::isAlive);
    }

    @Test
    void outputErrorsAndExitCodeComeBack() throws Exception {
        Result result = finish(start("echo out; echo err >&2; exit 7"));
        assertThat(result).isEqualTo(new Result(7, "out\n", "err\n"));
    }

    @Test
    void argumentsArePassedOnAsTheyAre() throws Exception {
        Result result = finish(start("printf", "%s|", "a b", "it's", "$x & !y", "", "*"));
        assertThat(result).isEqualTo(new Result(0, "a b|it's|$x & !y||*|", ""));
    }

    @Test
    void commandSeesThisMachinesFilesAndARealKvm() throws Exception {
        Path file = Files.writeString(directory.resolve("fresh"), "made just now\n");
        Result result = finish(start(
                "--directory",
                directory.toString(),
                "cat fresh; echo changed >fresh; cat " + file + "; pwd; nproc;"
                        + " test -c /dev/kvm && test -d /sys/module/kvm_amd && test -c /dev/net/tun"));
        assertThat(result).isEqualTo(new Result(0, "made just now\nchanged\n" + directory + "\n1\n", ""));
        assertThat(file).hasContent("made just now\n");
    }

    @Test
    void outIsTheOneDirectoryThatKeepsResults() throws Exception {
        Path out = Files.createDirectory(directory.resolve("with, comma"));
        Result result = finish(start(
                "--out", out.toString(), "echo one >/run/out/first; echo two >'" + out + "/second'; ls /run/out"));
        assertThat(result).isEqualTo(new Result(0, "first\nsecond\n", ""));
        assertThat(out.resolve("first")).hasContent("one\n");
        assertThat(out.resolve("second")).hasContent("two\n");
        assertThat(Files.getOwner(out.resolve("first"))).isEqualTo(Files.getOwner(out));
    }

    @Test
    void muchOutputArrivesWhole() throws Exception {
        Result result = finish(start("seq 1 100000"));
        assertThat(result.code).isZero();
        assertThat(result.output.lines()).hasSize(100_000).last().isEqualTo("100000");
    }

    @Test
    void timeLimitEndsTheCommandAndWhatItSaidIsKept() throws Exception {
        Process process = start("--timeout", "20", "echo started; sleep 1000");
        Result result = finish(process);
        assertThat(result.code).isEqualTo(124);
        assertThat(result.output).isEqualTo("started\n");
        assertThat(result.errors).isEqualTo("kvm-rig: the time limit of 20 seconds is over\n");
    }

    @Test
    void machineThatDiesIsTheRigsFailure() throws Exception {
        Result result = finish(start("echo c >/proc/sysrq-trigger; sleep 1000"));
        assertThat(result.code).isEqualTo(125);
        assertThat(result.errors).contains("ended without an exit code", "Kernel panic");
    }

    @Test
    void nothingIsLeftAfterAnInterruption() throws Exception {
        for (boolean forcibly : new boolean[] {false, true}) {
            Process process = start("echo started; sleep 1000");
            assertThat(process.getInputStream().readNBytes(8)).isEqualTo("started\n".getBytes(StandardCharsets.UTF_8));
            List<ProcessHandle> family = process.descendants().toList();
            assertThat(family).hasSizeGreaterThan(2);
            if (forcibly) {
                process.destroyForcibly();
            } else {
                process.destroy();
            }
            assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
            for (int i = 0; i < 500 && alive(family); i++) {
                Thread.sleep(20);
            }
            assertThat(alive(family)).as("children of the rig").isFalse();
        }
    }

    @Test
    void callsAtTheSameTimeDoNotMeet() throws Exception {
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            processes.add(start("echo " + i + " >/tmp/same; sleep 1; cat /tmp/same"));
        }
        for (int i = 0; i < 3; i++) {
            assertThat(finish(processes.get(i))).isEqualTo(new Result(0, i + "\n", ""));
        }
    }

    @Test
    void wrongUseIsOneLine() throws Exception {
        assertThat(finish(start("--timeout", "soon", "true")))
                .isEqualTo(new Result(125, "", "kvm-rig: --timeout takes seconds, not 'soon'\n"));
        assertThat(finish(start("--out", directory + "/missing", "true")).errors)
                .startsWith("kvm-rig: there is no directory")
                .hasLineCount(1);
        assertThat(finish(start("--frob", "true")).errors)
                .contains("unknown option --frob")
                .hasLineCount(1);
    }
}
