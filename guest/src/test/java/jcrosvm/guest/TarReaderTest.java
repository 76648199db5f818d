package jcrosvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SequencedMap;
import java.util.TreeMap;
import jcrosvm.guest.DebianPackage.Type;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class TarReaderTest {
    @TempDir
    private Path directory;

    /** A member whose content is read. */
    private record Read(String path, Type type, int permissions, String link, String content) {}

    private static List<Read> read(InputStream in) throws IOException {
        TarReader reader = new TarReader(in);
        List<Read> members = new ArrayList<>();
        for (TarReader.Member member = reader.next(); member != null; member = reader.next()) {
            String content = new String(member.content().readAllBytes(), StandardCharsets.ISO_8859_1);
            members.add(new Read(member.path(), member.type(), member.permissions(), member.link(), content));
        }
        return members;
    }

    private static List<Read> read(byte[] archive) throws IOException {
        return read(new ByteArrayInputStream(archive));
    }

    private static List<String> paths(byte[] archive) throws IOException {
        return read(archive).stream().map(Read::path).toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"v7", "oldgnu", "gnu", "ustar", "pax"})
    void readsWhatGnuTarWrites(String format) throws Exception {
        assumeTrue(EmulatedMachine.onPath("tar"), "tar is not installed");
        boolean anyLength = !format.equals("v7") && !format.equals("ustar");
        for (int seed = 0; seed < 5; seed++) {
            Random random = new Random(seed);
            Path root = Files.createDirectory(directory.resolve("root" + seed));
            SequencedMap<String, Read> expected = tree(root, random, format.equals("v7") ? 40 : anyLength ? 240 : 90);
            Path archive = directory.resolve("archive" + seed);
            List<String> command = new ArrayList<>(List.of("tar", "--format=" + format, "--no-recursion"));
            command.addAll(List.of("-C", root.toString(), "-cf", archive.toString()));
            command.addAll(expected.keySet());
            Process tar = new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(tar.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(tar.waitFor()).as(output).isZero();
            try (InputStream in = Files.newInputStream(archive)) {
                assertThat(read(in)).as("seed %d", seed).isEqualTo(List.copyOf(expected.values()));
            }
        }
    }

    /** Makes files, and says what an archive of them holds, in the order of their paths. */
    private static SequencedMap<String, Read> tree(Path root, Random random, int longest) throws IOException {
        TreeMap<String, Read> tree = new TreeMap<>();
        List<String> directories = new ArrayList<>(List.of(""));
        String original = null;
        for (int i = 0; i < 30; i++) {
            String parent = directories.get(random.nextInt(directories.size()));
            String path = parent + (char) ('a' + i % 26) + "n".repeat(random.nextInt(longest)) + i;
            if (longest < 200 && path.length() > longest) {
                path = "short" + i;
            }
            Path file = root.resolve(path);
            int permissions = 0400 | random.nextInt(0400);
            Read made = new Read(path, Type.FILE, permissions, "", "x".repeat(random.nextInt(3) * random.nextInt(700)));
            switch (random.nextInt(5)) {
                case 0 -> {
                    path += "/";
                    made = new Read(path, Type.DIRECTORY, permissions | 0700, "", "");
                    Files.createDirectory(file);
                    directories.add(path);
                }
                case 1 -> {
                    String target = "../" + "t".repeat(1 + random.nextInt(longest));
                    made = new Read(path, Type.SYMLINK, 0777, target, "");
                    Files.createSymbolicLink(file, Path.of(target));
                }
                case 2 -> {
                    // Sorted before every other path, so that tar meets it first.
                    if (original == null) {
                        original = "A" + "o".repeat(longest - 2);
                        Files.writeString(root.resolve(original), "same");
                        tree.put(original, new Read(original, Type.FILE, 0640, "", "same"));
                        mode(root.resolve(original), 0640);
                    }
                    made = new Read(path, Type.HARD_LINK, 0640, original, "");
                    Files.createLink(file, root.resolve(original));
                }
                default -> Files.writeString(file, made.content());
            }
            if (made.type() == Type.FILE || made.type() == Type.DIRECTORY) {
                mode(file, made.permissions());
            }
            tree.put(path, made);
        }
        return tree;
    }

    private static void mode(Path file, int permissions) throws IOException {
        StringBuilder text = new StringBuilder("rwxrwxrwx");
        for (int i = 0; i < 9; i++) {
            if ((permissions & (0400 >> i)) == 0) {
                text.setCharAt(i, '-');
            }
        }
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(text.toString()));
    }

    @Test
    void extensionsCountForOneMember() throws IOException {
        byte[] archive = new TarBytes()
                .pax('g', "comment=of all")
                .pax('x', "mtime=1.5", "path=grüße", "size=3")
                .member("a", '0', "0", "abc", "")
                .member("L", 'L', "long\0", "")
                .member("K", 'K', "target\0", "")
                .symlink("b", "cut")
                .pax('x', "linkpath=ziel")
                .symlink("c", "cut")
                .file("d", "")
                .ended();
        assertThat(read(archive))
                .containsExactly(
                        new Read("grüße", Type.FILE, 0644, "", "abc"),
                        new Read("long", Type.SYMLINK, 0644, "target", ""),
                        new Read("c", Type.SYMLINK, 0644, "ziel", ""),
                        new Read("d", Type.FILE, 0644, "", ""));
    }

    @Test
    void typesAreToldByFlagOrSlash() throws IOException {
        byte[] archive = new TarBytes()
                .member("a", '\0', "x", "")
                .member("b/", '\0', "", "")
                .member("c", '7', "y", "")
                .member("d", '3', "", "")
                .member("e", '4', "", "")
                .member("f", '5', "", "")
                .member("g", '6', "", "")
                .ended();
        assertThat(read(archive).stream().map(Read::type).toList())
                .containsExactly(
                        Type.FILE, Type.DIRECTORY, Type.FILE, Type.SPECIAL, Type.SPECIAL, Type.DIRECTORY, Type.SPECIAL);
    }

    @Test
    void membersCanBePassedOver() throws IOException {
        byte[] archive =
                new TarBytes().file("a", "x".repeat(513)).file("b", "content").ended();
        TarReader reader = new TarReader(new ByteArrayInputStream(archive));
        MemberContent first = reader.next().content();
        TarReader.Member second = reader.next();
        assertThat(first.read(new byte[4])).isEqualTo(-1);
        assertThat(second.path()).isEqualTo("b");
        assertThat(second.content().readNBytes(3)).containsExactly('c', 'o', 'n');
        assertThat(reader.next()).isNull();
        assertThat(reader.next()).isNull();
    }

    @Test
    void onlyZerosMayFollowTheEnd() throws IOException {
        byte[] ended = new TarBytes().file("a", "").ended();
        assertThat(paths(Arrays.copyOf(ended, 10240))).containsExactly("a");
        byte[] more = Arrays.copyOf(ended, 10240);
        more[10239] = 1;
        refused(more, "goes on after its end");
        refused(Arrays.copyOf(ended, 4 << 20), "goes on after its end");
        refused(Arrays.copyOf(ended, ended.length - 512), "cut off");
        refused(Arrays.copyOf(ended, ended.length - 1024), "cut off");
        refused(new byte[0], "cut off");
    }

    @Test
    void checksumsAreVerified() {
        byte[] archive = new TarBytes().file("a", "").ended();
        for (int offset = 0; offset < 512; offset++) {
            byte[] damaged = archive.clone();
            damaged[offset] ^= 1;
            assertThatThrownBy(() -> read(damaged)).as("byte %d", offset).isInstanceOf(IOException.class);
        }
    }

    @Test
    void sizesAreBounded() {
        for (String size : List.of("", "8", "-1", "1 1", "777777777777", "\u0001")) {
            refused(new TarBytes().member("a", '0', size, "", "").ended(), "the size");
        }
        refused(new TarBytes().member("a", '0', "77777777777", "", "").ended(), "ends within 'a'");
        refused(new TarBytes().pax('x', "size=8589934592").file("a", "").ended(), "the size '8589934592'");
        refused(new TarBytes().pax('x', "size=-1").file("a", "").ended(), "the size '-1'");
        refused(new TarBytes().pax('x', "size=" + "9".repeat(30)).file("a", "").ended(), "the size");
        refused(new TarBytes().pax('x', "size=2000").file("a", "").ended(), "ends within 'a'");
        for (char type : new char[] {'L', 'K', 'x', 'g'}) {
            refused(new TarBytes().member("a", type, "77777777777", "", "").ended(), "header of 8589934591 bytes");
            refused(new TarBytes().member("a", type, "7777", "", "").ended(), "cut off");
        }
        refused(new TarBytes().member("a", 'L', "n".repeat(5000), "").ended(), "of 5000 bytes");
        for (char type : new char[] {'1', '2', '3', '5'}) {
            refused(new TarBytes().member("a", type, "x", "b").ended(), "'a' in its tar archive is no file");
        }
    }

    @Test
    void membersAreCounted() {
        byte[] header = new TarBytes().file("a", "").bytes();
        InputStream endless = new InputStream() {
            private int position;

            @Override
            public int read() {
                int value = header[position];
                position = (position + 1) % header.length;
                return value;
            }

            @Override
            public int read(byte[] bytes, int offset, int length) {
                int count = Math.min(length, header.length - position);
                System.arraycopy(header, position, bytes, offset, count);
                position = (position + count) % header.length;
                return count;
            }
        };
        TarReader reader = new TarReader(endless);
        assertThatThrownBy(() -> {
                    while (reader.next() != null) {
                        assertThat(reader).isNotNull();
                    }
                })
                .isInstanceOf(IOException.class)
                .hasMessageContaining("more than 1048576 members");
    }

    @Test
    void ambiguityIsRefused() {
        refused(new TarBytes().member("a", 'S', "", "").ended(), "unknown type, 'S'");
        refused(new TarBytes().member("a", 'V', "", "").ended(), "unknown type");
        refused(new TarBytes().file("", "").ended(), "without a name");
        refused(new TarBytes().symlink("a", "").ended(), "link to nothing");
        refused(new TarBytes().hardLink("a", "").ended(), "link to nothing");
        refused(new TarBytes().member("L", 'L', "a\0b\0", "").file("c", "").ended(), "NUL within");
        refused(new TarBytes().member("L", 'L', "", "").file("c", "").ended(), "without a name");
        refused(new TarBytes().member("L", 'L', "a", "").ended(), "between two headers");
        refused(new TarBytes().pax('x', "path=a").ended(), "between two headers");
        refused(
                new TarBytes()
                        .pax('x', "path=a")
                        .pax('x', "path=b")
                        .file("c", "")
                        .ended(),
                "two headers of one kind");
        refused(new TarBytes().pax('g', "path=a").file("c", "").ended(), "one name or size");
        refused(new TarBytes().pax('x', "GNU.sparse.major=1").file("c", "").ended(), "sparse");
        refused(new TarBytes().pax('x', "path=").file("c", "").ended(), "cannot be");
        refused(new TarBytes().pax('x', "path=a\0b").file("c", "").ended(), "cannot be");
        refused(
                new TarBytes()
                        .pax('x', "path=" + "n".repeat(5000))
                        .file("c", "")
                        .ended(),
                "cannot be");
        refused(new TarBytes().pax('x', "=a").file("c", "").ended(), "without a key");
        refused(new TarBytes().pax('x', "path").file("c", "").ended(), "without a key");
        for (String record : List.of(
                "9 path=a", "10 path=ab\n", "8 path=a\n", "0 path=a\n", "path=a\n", "999999999 a=b\n", "3 \n")) {
            refused(new TarBytes().member("x", 'x', record, "").file("c", "").ended(), "extended header");
        }
        byte[] latin = Arrays.copyOf(new TarBytes().file("a", "").bytes(), 512);
        latin[1] = (byte) 0xe4;
        refused(new TarBytes().block(latin.clone()).ended(), "not UTF-8");
        latin[1] = 0;
        TarBytes.put(latin, 257, "ustar\00001");
        refused(new TarBytes().block(latin).ended(), "unknown kind");
    }

    private static void refused(byte[] archive, String message) {
        assertThatThrownBy(() -> read(archive)).isInstanceOf(IOException.class).hasMessageContaining(message);
    }

    @Test
    void randomDamageEndsInAnArchiveOrAnIoException() {
        byte[] whole = new TarBytes()
                .member("dir/", '5', "", "")
                .member("L", 'L', "long".repeat(40) + "\0", "")
                .file("cut", "content")
                .pax('x', "path=" + "n".repeat(120), "size=700", "mtime=1.25")
                .member("cut", '0', "0", "y".repeat(700), "")
                .member("K", 'K', "target".repeat(40) + "\0", "")
                .symlink("link", "cut")
                .hardLink("same", "cut")
                .ended();
        int accepted = 0;
        for (int seed = 0; seed < 5000; seed++) {
            Random random = new Random(seed);
            byte[] bytes = Arrays.copyOf(whole, random.nextInt(8) > 0 ? whole.length : random.nextInt(whole.length));
            for (int i = random.nextInt(4); i >= 0 && bytes.length > 0; i--) {
                // Digits and flags in the place of others get further than noise.
                byte value =
                        (byte) (random.nextBoolean() ? random.nextInt() : "01234567KLxg \0".charAt(random.nextInt(14)));
                bytes[random.nextInt(bytes.length)] = value;
            }
            for (int block = 0; block + 512 <= bytes.length; block += 512) {
                byte[] header = Arrays.copyOfRange(bytes, block, block + 512);
                if (random.nextInt(8) > 0 && new String(header, 257, 5, StandardCharsets.ISO_8859_1).equals("ustar")) {
                    System.arraycopy(TarBytes.sealed(header), 0, bytes, block, 512);
                }
            }
            try {
                List<Read> members = read(bytes);
                accepted++;
                assertThat(members).as("seed %d", seed).allSatisfy(member -> {
                    assertThat(member.path()).isNotEmpty().doesNotContain("\0");
                    assertThat(member.link()).doesNotContain("\0");
                });
                assertThat(members.stream().mapToInt(m -> m.content().length()).sum())
                        .as("seed %d", seed)
                        .isLessThan(bytes.length);
            } catch (IOException e) {
                assertThat(e).as("seed %d", seed).hasMessageMatching("(?s).*\\bits? .*");
            }
        }
        assertThat(accepted).isBetween(100, 4900);
    }
}
