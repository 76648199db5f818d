package jcrosvm.guest.ext4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class Ext4ImageTest {
    private static final long TIME = 1_700_000_000L;
    private static final Attributes PLAIN = Attributes.ofRoot(0644, TIME);
    private static final Attributes OPEN = Attributes.ofRoot(0755, TIME);

    @TempDir
    private Path directory;

    @BeforeAll
    static void assumeJudges() {
        E2fsprogs.assume();
    }

    private Path file() {
        return directory.resolve("image");
    }

    private Ext4Image create(int units) throws IOException {
        return Ext4Image.create(file(), units * Ext4Image.SIZE_UNIT, "test", UUID.randomUUID(), TIME);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 130})
    void emptyFileSystemIsCleanAndSparse(int units) throws Exception {
        try (Ext4Image image = create(units)) {
            image.finish();
        }
        E2fsprogs.assertClean(file());
        assertThat(Files.size(file())).isEqualTo(units * Ext4Image.SIZE_UNIT);
        assertThat(E2fsprogs.debugfs(file(), "stats")).contains("has_journal", "volume name:   test", "clean");
    }

    @Test
    void membersKeepTheirAttributes() throws Exception {
        try (Ext4Image image = create(1)) {
            image.directory("usr", OPEN);
            image.file("usr/su", new Attributes(04755, 70000, 80000, TIME), "set-uid");
            image.symlink("short", OPEN, "usr/su");
            image.symlink("long", OPEN, "x".repeat(60));
            image.symlink("inline", OPEN, "y".repeat(59));
            image.hardLink("again", "usr/su");
            image.directory("tmp", Attributes.ofRoot(01777, 5_000_000_000L));
            image.finish();
        }
        E2fsprogs.assertClean(file());
        assertThat(E2fsprogs.debugfs(file(), "stat /usr/su"))
                .contains("Type: regular", "Mode:  04755", "User: 70000", "Group: 80000", "Links: 2", "Size: 7")
                .contains("mtime: 0x6553f100");
        assertThat(E2fsprogs.debugfs(file(), "cat /again")).endsWith("set-uid");
        assertThat(E2fsprogs.debugfs(file(), "stat /short")).contains("Fast link dest: \"usr/su\"");
        assertThat(E2fsprogs.debugfs(file(), "stat /inline")).contains("Fast link dest: \"" + "y".repeat(59) + "\"");
        assertThat(E2fsprogs.debugfs(file(), "cat /long")).endsWith("x".repeat(60));
        assertThat(E2fsprogs.debugfs(file(), "stat /tmp")).contains("Mode:  01777", "mtime: 0x2a05f200:00000001");
    }

    @Test
    void linksInPathsStayWithinTheImage() throws Exception {
        try (Ext4Image image = create(1)) {
            image.directory("usr", OPEN);
            image.directory("usr/bin", OPEN);
            image.symlink("bin", OPEN, "usr/bin");
            image.symlink("usr/up", OPEN, "../../..");
            image.symlink("usr/absolute", OPEN, "/usr/bin");
            image.file("bin/a", PLAIN, "a");
            image.file("usr/up/b", PLAIN, "b");
            image.file("usr/absolute/c", PLAIN, "c");
            image.directory("bin", OPEN); // as packages of old have it
            image.symlink("loop", OPEN, "loop");
            assertThatThrownBy(() -> image.file("loop/x", PLAIN, "")).hasMessageContaining("too many links");
            image.finish();
        }
        E2fsprogs.assertClean(file());
        assertThat(E2fsprogs.debugfs(file(), "cat /usr/bin/a")).endsWith("a");
        assertThat(E2fsprogs.debugfs(file(), "cat /b")).endsWith("b");
        assertThat(E2fsprogs.debugfs(file(), "cat /usr/bin/c")).endsWith("c");
    }

    @Test
    void namesThatCannotBeAreRefused() throws Exception {
        try (Ext4Image image = create(1)) {
            for (String name : List.of("..", ".", "a/", "a/..", "a\0b", "missing/a")) {
                assertThatThrownBy(() -> image.file(name, PLAIN, "")).as(name).isInstanceOf(IOException.class);
            }
            assertThatThrownBy(() -> image.hardLink("a", "lost+found")).isInstanceOf(IOException.class);
            assertThatThrownBy(() -> image.file("lost+found", PLAIN, "")).hasMessageContaining("is a directory");
            assertThatThrownBy(() -> image.symlink("a", PLAIN, "x".repeat(4096)))
                    .isInstanceOf(IOException.class);
            assertThatThrownBy(() -> image.file("a", PLAIN, InputStream.nullInputStream(), 1))
                    .isInstanceOf(EOFException.class);
            image.file("n".repeat(256), PLAIN, "");
            assertThatThrownBy(image::finish).hasMessageContaining("more than 255 bytes");
        }
    }

    @Test
    void fullFileSystemIsAnError() throws Exception {
        try (Ext4Image image = create(1)) {
            assertThatThrownBy(() -> image.file("a", PLAIN, zeros(), Ext4Image.SIZE_UNIT))
                    .hasMessage("the file system of 128 MiB is full");
            image.file("b", PLAIN, zeros(), 100 << 20);
            image.finish();
        }
        E2fsprogs.assertClean(file());
    }

    @Test
    void fileInManyPiecesNeedsATree() throws Exception {
        byte[] content = new byte[900 << 12];
        new Random(1).nextBytes(content);
        try (Ext4Image image = create(1)) {
            int free = 32768 - 516 - 1024 - 100;
            image.file("rest", PLAIN, zeros(), (long) (free - 2000) << 12);
            for (int i = 0; i < 2000; i++) {
                image.file("f" + i, PLAIN, new ByteArrayInputStream(content, 0, 4096), 4096);
            }
            // Every other block is given back, by making its file empty.
            for (int i = 0; i < 2000; i += 2) {
                image.file("f" + i, PLAIN, "");
            }
            image.file("pieces", PLAIN, new ByteArrayInputStream(content), content.length);
            image.finish();
        }
        E2fsprogs.assertClean(file());
        Path out = directory.resolve("out");
        E2fsprogs.debugfs(file(), "dump /pieces " + out);
        assertThat(Files.readAllBytes(out)).isEqualTo(content);
    }

    @Test
    void largeDirectoryIsRead() throws Exception {
        try (Ext4Image image = create(1)) {
            image.directory("many", OPEN);
            for (int i = 0; i < 5000; i++) {
                image.file("many/" + "n".repeat(i % 200) + i, PLAIN, "");
            }
            image.finish();
        }
        E2fsprogs.assertClean(file());
        assertThat(E2fsprogs.debugfs(file(), "ls -p /many").lines().filter(line -> line.startsWith("/")))
                .hasSize(5002);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void arbitraryTreesAreReadAsWritten(long seed) throws Exception {
        Random random = new Random(seed);
        Map<String, byte[]> files = new HashMap<>();
        List<String> directories = new ArrayList<>(List.of(""));
        try (Ext4Image image = create(1 + random.nextInt(4))) {
            for (int i = 0; i < 400; i++) {
                String parent = directories.get(random.nextInt(directories.size()));
                String name = parent + Character.toString('a' + random.nextInt(26)) + random.nextInt(20);
                boolean isDirectory = directories.contains(name + "/");
                if (!isDirectory && random.nextInt(4) > 0) {
                    byte[] content = new byte[random.nextInt(random.nextInt(10) == 0 ? 300_000 : 9000)];
                    random.nextBytes(content);
                    image.file(name, PLAIN, new ByteArrayInputStream(content), content.length);
                    files.put(name, content);
                } else if (!isDirectory && !files.containsKey(name)) {
                    image.directory(name, OPEN);
                    directories.add(name + "/");
                }
            }
            image.finish();
        }
        E2fsprogs.assertClean(file());
        Path out = Files.createDirectory(directory.resolve("out"));
        E2fsprogs.debugfs(file(), "rdump / " + out);
        for (Map.Entry<String, byte[]> each : files.entrySet()) {
            assertThat(Files.readAllBytes(out.resolve(each.getKey())))
                    .as(each.getKey())
                    .isEqualTo(each.getValue());
        }
    }

    private static InputStream zeros() {
        return new InputStream() {
            @Override
            public int read() {
                return 0;
            }

            @Override
            public int read(byte[] bytes, int offset, int length) {
                Arrays.fill(bytes, offset, offset + length, (byte) 0);
                return length;
            }
        };
    }
}
