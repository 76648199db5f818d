package jcrosvm.disk.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.raw.ImageFile;

/** The outside oracle: QEMU's image tool. */
final class QemuImg {
    private static final boolean THERE = there();

    private QemuImg() {}

    record Result(int exit, String output) {}

    private static boolean there() {
        try {
            return run(List.of("qemu-img", "--version")).exit == 0;
        } catch (IOException e) {
            return false;
        }
    }

    static void required() {
        assumeTrue(THERE, "qemu-img is missing: install the package qemu-utils");
    }

    private static Result run(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes());
        try {
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        return new Result(process.exitValue(), output);
    }

    static Result run(Object... words) {
        List<String> command = new ArrayList<>(List.of("qemu-img"));
        for (Object word : words) {
            command.add(word.toString());
        }
        try {
            return run(command);
        } catch (IOException e) {
            throw new AssertionError(command + ": " + e, e);
        }
    }

    /** Runs it and expects success. */
    static String ok(Object... words) {
        Result result = run(words);
        assertThat(result.exit)
                .as("qemu-img %s: %s", List.of(words), result.output)
                .isZero();
        return result.output;
    }

    /** No corruption and no leak. */
    static void checkClean(Path image) {
        ok("check", "-f", "qcow2", image);
        Qcow2CheckResult own = check(image, false);
        assertThat(own.corruptions()).isZero();
        assertThat(own.leaks()).isZero();
    }

    /** No corruption; leaks may be. */
    static void checkUsable(Path image) {
        Result result = run("check", "-f", "qcow2", image);
        assertThat(result.exit).as(result.output).isIn(0, 3);
        Qcow2CheckResult own = check(image, false);
        assertThat(own.corruptions()).isZero();
        // QEMU does not look at refcounts of clusters behind the end of the file.
        assertThat(own.leaks() > 0 || result.exit == 0).isTrue();
    }

    /** What our own check says. */
    static Qcow2CheckResult check(Path image, boolean fixLeaks) {
        DiskOptions options = (fixLeaks ? DiskOptions.DEFAULT : DiskOptions.READ_ONLY).withLock(false);
        try (ImageFile file = ImageFile.open(image, options)) {
            return Qcow2Images.check(file, fixLeaks);
        }
    }

    static byte[] content(Path image) {
        try {
            Path raw = Files.createTempFile(image.toAbsolutePath().getParent(), "raw", null);
            try {
                ok("convert", "-f", "qcow2", "-O", "raw", image, raw);
                return Files.readAllBytes(raw);
            } finally {
                Files.delete(raw);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** The image, as QEMU sees it, equals these bytes; QEMU leaves out a part of a sector at the end. */
    static void checkContent(Path image, byte[] expected) {
        byte[] there = content(image);
        assertThat(there.length).isEqualTo(expected.length / 512 * 512);
        int mismatch = java.util.Arrays.mismatch(there, 0, there.length, expected, 0, there.length);
        assertThat(mismatch).as("first byte that differs").isEqualTo(-1);
    }
}
