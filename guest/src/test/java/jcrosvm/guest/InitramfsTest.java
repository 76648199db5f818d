package jcrosvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class InitramfsTest {
    @TempDir
    private Path directory;

    private static Initramfs sample() {
        return new Initramfs()
                .init("#!/bin/sh\n")
                .file("/etc/odd", 0600, "123")
                .file("empty", 0644, "")
                .symlink("/etc/link", "../empty")
                .directory("/root", 0700)
                .characterDevice("/dev/console", 0600, 5, 1)
                .blockDevice("/dev/vda", 0660, 253, 16);
    }

    private static byte[] bytes(Initramfs initramfs) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        initramfs.write(out);
        return out.toByteArray();
    }

    @Test
    void cpioListsEveryMember() throws Exception {
        assumeTrue(EmulatedMachine.onPath("cpio"), "cpio is not installed");
        Path archive = directory.resolve("archive");
        sample().write(archive);
        Process cpio = new ProcessBuilder("cpio", "-itvn", "--quiet")
                .redirectInput(archive.toFile())
                .redirectErrorStream(true)
                .start();
        List<String> lines = new String(cpio.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .map(line -> line.replaceAll(" +", " ").replaceAll("Jan 1 1970 ", ""))
                .toList();
        assertThat(cpio.waitFor()).isZero();
        assertThat(lines)
                .containsExactly(
                        "drwxr-xr-x 2 0 0 0 dev",
                        "crw------- 1 0 0 5, 1 dev/console",
                        "brw-rw---- 1 0 0 253, 16 dev/vda",
                        "-rw-r--r-- 1 0 0 0 empty",
                        "drwxr-xr-x 2 0 0 0 etc",
                        "lrwxrwxrwx 1 0 0 8 etc/link -> ../empty",
                        "-rw------- 1 0 0 3 etc/odd",
                        "-rwxr-xr-x 1 0 0 10 init",
                        "drwx------ 2 0 0 0 root");
    }

    @Test
    void cpioUnpacksRandomTrees() throws Exception {
        assumeTrue(EmulatedMachine.onPath("cpio"), "cpio is not installed");
        for (int seed = 0; seed < 50; seed++) {
            Random random = new Random(seed);
            Initramfs initramfs = new Initramfs();
            Map<String, byte[]> expected = new TreeMap<>();
            for (int i = random.nextInt(20); i >= 0; i--) {
                String path = "d" + random.nextInt(3) + "/" + "n".repeat(1 + random.nextInt(9)) + i;
                byte[] content = new byte[random.nextInt(70)];
                random.nextBytes(content);
                initramfs.file(path, 0644, content);
                expected.put(path, content);
            }
            Path archive = directory.resolve("archive");
            initramfs.write(archive);
            assertThat(archive).hasSize(initramfs.size());
            Path root = Files.createDirectory(directory.resolve("root" + seed));
            Process cpio = new ProcessBuilder("cpio", "-id", "--quiet")
                    .directory(root.toFile())
                    .redirectInput(archive.toFile())
                    .redirectErrorStream(true)
                    .start();
            String output = new String(cpio.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(cpio.waitFor()).as(output).isZero();
            Map<String, byte[]> actual = new TreeMap<>();
            try (Stream<Path> files = Files.walk(root).filter(Files::isRegularFile)) {
                for (Path file : files.toList()) {
                    actual.put(root.relativize(file).toString(), Files.readAllBytes(file));
                }
            }
            assertThat(actual.keySet()).isEqualTo(expected.keySet());
            expected.forEach((path, content) -> assertThat(actual.get(path)).isEqualTo(content));
        }
    }

    @Test
    void bytesDependOnMembersAlone() throws Exception {
        Initramfs other = new Initramfs()
                .blockDevice("dev/vda", 0660, 253, 16)
                .characterDevice("dev/console", 0600, 5, 1)
                .directory("root")
                .directory("root", 0700)
                .symlink("etc/link", "../empty")
                .file("/empty", 0644, "replaced")
                .file("/empty", 0644, "")
                .file("etc//./odd", 0600, "123")
                .init("#!/bin/sh\n");
        assertThat(bytes(other)).isEqualTo(bytes(sample()));
    }

    @Test
    void fileSegmentAndGzipHoldTheSame() throws Exception {
        byte[] expected = bytes(sample());
        Path plain = directory.resolve("plain");
        Path packed = directory.resolve("packed");
        sample().write(plain);
        sample().writeGzip(packed);
        assertThat(Files.readAllBytes(plain)).isEqualTo(expected);
        try (GZIPInputStream in = new GZIPInputStream(Files.newInputStream(packed));
                Arena arena = Arena.ofConfined()) {
            assertThat(in.readAllBytes()).isEqualTo(expected);
            MemorySegment segment = arena.allocate(expected.length + 100L);
            assertThat(sample().write(segment)).isEqualTo(expected.length);
            assertThat(segment.asSlice(0, expected.length).toArray(ValueLayout.JAVA_BYTE))
                    .isEqualTo(expected);
            assertThatThrownBy(() -> sample().write(segment.asSlice(0, expected.length - 1)))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("does not fit");
        }
        try (var left = Files.list(directory)) {
            assertThat(left).hasSize(2);
        }
    }

    @Test
    void missingSourceLeavesNoFile() {
        Path target = directory.resolve("archive");
        Initramfs initramfs = new Initramfs().file("/x", 0644, directory.resolve("missing"));
        assertThatThrownBy(() -> initramfs.write(target))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("missing is not there");
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void namesThatNoArchiveCanHoldAreRefused() {
        List<String> refused = new ArrayList<>(List.of("", "/", "..", "a/..", "a\0b"));
        for (String path : refused) {
            assertThatThrownBy(() -> new Initramfs().file(path, 0644, "")).isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> new Initramfs().symlink("a", "b").file("a/c", 0644, ""))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("a is not a directory");
    }
}
