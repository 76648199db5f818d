package jcrosvm.disk.raw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskOptions;
import jcrosvm.unpack.testing.Tool;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageLockTest {
    @TempDir
    Path dir;

    private Path path = Path.of("");

    @BeforeEach
    void image() throws IOException {
        path = Files.write(dir.resolve("disk"), new byte[1 << 20]);
    }

    private void assertInUse(DiskOptions options, String how) {
        assertThatThrownBy(() -> RawDisk.open(path, options))
                .isInstanceOf(DiskException.class)
                .hasMessageContaining("cannot open " + path)
                .hasMessageContaining("in use, another program has it open to " + how)
                .hasMessageNotContaining("\n");
    }

    @Test
    void readersShareAndAWriterIsAlone() {
        try (RawDisk one = RawDisk.open(path, DiskOptions.READ_ONLY);
                RawDisk two = RawDisk.open(path, DiskOptions.READ_ONLY)) {
            assertInUse(DiskOptions.DEFAULT, "read");
            RawDisk.open(path, DiskOptions.DEFAULT.withLock(false)).close();
            assertInUse(DiskOptions.DEFAULT, "read");
        }
        try (RawDisk writer = RawDisk.open(path, DiskOptions.DEFAULT)) {
            assertInUse(DiskOptions.DEFAULT, "write");
            assertInUse(DiskOptions.READ_ONLY, "write");
            assertThat(writer.length()).isPositive();
        }
        RawDisk.open(path, DiskOptions.DEFAULT).close();
    }

    @Test
    void processesSeeEachOther() throws Exception {
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Holder.class.getName(),
                path.toString());
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            assertThat(out.readLine()).isEqualTo("open");
            assertInUse(DiskOptions.DEFAULT, "write");
            assertInUse(DiskOptions.READ_ONLY, "write");
            process.destroyForcibly(); // the kernel gives back what the process held
            process.waitFor();
            RawDisk.open(path, DiskOptions.DEFAULT).close();
        }
    }

    /** Another process that has the image open. */
    static final class Holder {
        public static void main(String[] args) throws IOException {
            try (RawDisk disk = RawDisk.open(Path.of(args[0]), DiskOptions.DEFAULT)) {
                System.out.println("open");
                System.in.read();
                System.out.println(disk.length());
            }
        }
    }

    @Test
    void qemuSeesOurLocks() {
        Tool.require("qemu-io");
        String[] write = {"qemu-io", "-f", "raw", "-c", "write 0 512", path.toString()};
        String[] read = {"qemu-io", "-r", "-f", "raw", "-c", "read 0 512", path.toString()};
        assertThat(Tool.tryRun(dir, write).code()).isZero();
        try (RawDisk writer = RawDisk.open(path, DiskOptions.DEFAULT)) {
            assertThat(Tool.tryRun(dir, write).output()).contains("Failed to get \"write\" lock");
            assertThat(writer.length()).isPositive();
        }
        try (RawDisk reader = RawDisk.open(path, DiskOptions.READ_ONLY)) {
            assertThat(Tool.tryRun(dir, write).output()).contains("Failed to get \"write\" lock");
            assertThat(Tool.tryRun(dir, read).output()).contains("read 512/512");
            assertThat(reader.length()).isPositive();
        }
        assertThat(Tool.tryRun(dir, write).output()).contains("wrote 512/512");
    }

    @Test
    void weSeeLocksOfQemu() throws Exception {
        Process qemu = new ProcessBuilder(Tool.require("qemu-io"), "-f", "raw", path.toString())
                .redirectErrorStream(true)
                .start();
        try {
            // Its answer comes when it has the image open.
            qemu.getOutputStream().write("length\n".getBytes(StandardCharsets.UTF_8));
            qemu.getOutputStream().flush();
            BufferedReader out =
                    new BufferedReader(new InputStreamReader(qemu.getInputStream(), StandardCharsets.UTF_8));
            assertThat(out.readLine()).contains("1 MiB");
            assertInUse(DiskOptions.DEFAULT, "write");
            assertInUse(DiskOptions.READ_ONLY, "write");
        } finally {
            qemu.destroyForcibly();
            qemu.waitFor();
        }
        RawDisk.open(path, DiskOptions.DEFAULT).close();
    }
}
