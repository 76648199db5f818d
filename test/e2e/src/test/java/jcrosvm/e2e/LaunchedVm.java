package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import jcrosvm.guest.GuestImage;

/**
 * A VM of the program itself, as the launcher starts it: with the heap that users have. The guest's console is the
 * process's standard output and input.
 */
final class LaunchedVm implements AutoCloseable {
    /** Far above what anything takes on a busy machine: only a hang meets it. */
    private static final long LIMIT_SECONDS = 600;

    private static final Pattern FAILURE =
            Pattern.compile("internal error|OutOfMemoryError|out of memory|Exception|\\tat ");

    private final Process process;
    private final Path errors;
    private final Transcript transcript = new Transcript(LIMIT_SECONDS, this::hasFailed);
    private final Thread reader;
    private final long started = System.nanoTime();

    /**
     * Starts the program on the software processor.
     *
     * @param folder for the program's messages
     * @param more options of "run"
     */
    LaunchedVm(Path folder, GuestImage image, int cpus, int mib, String... more) throws IOException {
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
        List<String> command =
                new ArrayList<>(List.of(SourceTree.ROOT.resolve("jcrosvm").toString(), "run"));
        command.addAll(List.of("--hypervisor", "soft", "--cpus", Integer.toString(cpus)));
        command.addAll(List.of("--mem", Integer.toString(mib), "--serial", "type=stdout,hardware=serial,num=1,stdin"));
        command.addAll(List.of(more));
        command.addAll(List.of("--initrd", image.initramfs().toString(), "--params", image.parameters()));
        command.add(image.kernel().toString());
        errors = Files.createTempFile(folder, "messages", null);
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
        builder.environment().put("JCROSVM_BUILD", "never");
        process = builder.start();
        reader = Thread.ofPlatform().daemon().start(this::read);
    }

    private void read() {
        byte[] buffer = new byte[4096];
        try (InputStream in = process.getInputStream()) {
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                transcript.append(buffer, count);
            }
        } catch (IOException _) {
            // The process was killed while it was read from.
        }
        transcript.close();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Seconds since the start. */
    double seconds() {
        return (System.nanoTime() - started) / 1e9;
    }

    /** Processor time of the process, in seconds. */
    double processorSeconds() {
        return process.info().totalCpuDuration().orElse(Duration.ZERO).toMillis() / 1e3;
    }

    /** What the VM has cost so far, to be printed. */
    String costs() throws IOException {
        return String.format(
                "%.1f s, %.1f s of processor time, %.1f MiB beside guest RAM",
                seconds(), processorSeconds(), besideMib());
    }

    /** All that the guest has printed. */
    String output() {
        return transcript.text();
    }

    /** What the program said of itself. */
    String messages() {
        try {
            return Files.readString(errors);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits for a line that starts with {@code "@@ " + marker}: its rest. */
    String awaitMarker(String marker) {
        return awaitMarker(marker, 1);
    }

    /** Waits for the marker's n-th line. */
    String awaitMarker(String marker, int n) {
        try {
            return transcript.awaitMarker(marker, n);
        } catch (AssertionError e) {
            throw new AssertionError(e.getMessage() + "\nthe program says:\n" + messages(), e);
        }
    }

    /** Types a line. */
    void type(String line) throws IOException {
        OutputStream out = process.getOutputStream();
        out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    /** Waits for an end that the guest wanted: nothing of ours failed. */
    void awaitGoodEnd() throws InterruptedException {
        assertThat(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS))
                .as("it ends; the guest printed:\n%s", output())
                .isTrue();
        reader.join();
        assertNothingFailed();
        assertThat(process.exitValue()).as(output() + messages()).isZero();
    }

    /** The program has not said that anything of its own failed. */
    void assertNothingFailed() {
        assertThat(messages()).as(output()).doesNotContainPattern(FAILURE);
    }

    private boolean hasFailed() {
        return FAILURE.matcher(messages()).find();
    }

    /** Sends SIGTERM and waits for the end: seconds that it took. */
    double terminate() throws InterruptedException {
        long before = System.nanoTime();
        process.destroy();
        assertThat(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS))
                .as("it obeys SIGTERM; it said:\n%s", messages())
                .isTrue();
        return (System.nanoTime() - before) / 1e9;
    }

    /**
     * Memory of the process beside the guest's, resident, in MiB. Translated code is mapped twice and counted once.
     */
    double besideMib() throws IOException {
        long kib = 0;
        String field = "";
        for (String line : Files.readAllLines(Path.of("/proc/" + process.pid() + "/smaps"))) {
            if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                field = line.contains("/memfd:jcrosvm-ram") ? "" : line.contains("/memfd:") ? "Pss:" : "Rss:";
            } else if (!field.isEmpty() && line.startsWith(field)) {
                kib += Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return kib / 1024.0;
    }

    @Override
    public void close() throws InterruptedException {
        process.destroyForcibly().waitFor();
        reader.join();
    }
}
