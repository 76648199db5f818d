package jcrosvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ArReaderTest {
    private static final byte[] NONE = {};

    @TempDir
    private Path directory;

    private static Map<String, byte[]> read(byte[] archive) throws IOException {
        ArReader reader = new ArReader(new ByteArrayInputStream(archive));
        Map<String, byte[]> members = new LinkedHashMap<>();
        for (ArReader.Member member = reader.next(); member != null; member = reader.next()) {
            members.put(member.name(), member.content().readAllBytes());
        }
        return members;
    }

    @Test
    void readsWhatGnuArWrites() throws Exception {
        assumeTrue(EmulatedMachine.onPath("ar"), "ar is not installed");
        for (int seed = 0; seed < 10; seed++) {
            Random random = new Random(seed);
            List<String> command = new ArrayList<>(List.of("ar", "rcS", "archive" + seed));
            Map<String, byte[]> expected = new LinkedHashMap<>();
            for (int i = 0; i < 5; i++) {
                String name = "n".repeat(1 + random.nextInt(13)) + i;
                byte[] content = new byte[random.nextInt(5000)];
                random.nextBytes(content);
                Files.write(directory.resolve(name), content);
                expected.put(name, content);
                command.add(name);
            }
            Process ar =
                    new ProcessBuilder(command).directory(directory.toFile()).start();
            assertThat(ar.waitFor()).isZero();
            Map<String, byte[]> actual = read(Files.readAllBytes(directory.resolve("archive" + seed)));
            assertThat(List.copyOf(actual.keySet())).isEqualTo(List.copyOf(expected.keySet()));
            expected.forEach((name, content) -> assertThat(actual.get(name)).isEqualTo(content));
        }
    }

    @Test
    void membersCanBePassedOver() throws IOException {
        byte[] archive = new ArBytes()
                .member("first", "odd".getBytes(StandardCharsets.US_ASCII))
                .member("second", "more".getBytes(StandardCharsets.US_ASCII))
                .bytes();
        ArReader reader = new ArReader(new ByteArrayInputStream(archive));
        MemberContent first = reader.next().content();
        assertThat(first.read()).isEqualTo('o');
        ArReader.Member second = reader.next();
        assertThat(first.read()).isEqualTo(-1);
        assertThat(second.name()).isEqualTo("second");
        assertThat(second.size()).isEqualTo(4);
        assertThat(second.content().skip(100)).isEqualTo(4);
        assertThat(reader.next()).isNull();
        assertThat(reader.next()).isNull();
    }

    @Test
    void damageIsRefused() {
        refused(NONE, "no ar archive");
        refused("!<thin>\n".getBytes(StandardCharsets.US_ASCII), "no ar archive");
        refused(new ArBytes().header("a", "0", NONE, "``").bytes(), "damaged");
        refused(new ArBytes().header("", "0", NONE, "`\n").bytes(), "a member ''");
        refused(new ArBytes().header("/", "0", NONE, "`\n").bytes(), "a member '/'");
        refused(new ArBytes().header("//", "0", NONE, "`\n").bytes(), "a member '//'");
        refused(new ArBytes().header("/17", "0", NONE, "`\n").bytes(), "a member '/17'");
        refused(new ArBytes().header("#1/20", "0", NONE, "`\n").bytes(), "a member '#1/20'");
        refused(new ArBytes().header("a\nb", "0", NONE, "`\n").bytes(), "no Debian package");
        for (String size : List.of("", "-1", "+1", "0x1", "1 1", " 1", "1e3")) {
            refused(new ArBytes().header("a", size, NONE, "`\n").bytes(), "the size '" + size + "'");
        }
        refused(new ArBytes().header("a", "9999999999", NONE, "`\n").bytes(), "ends within 'a'");
        byte[] whole = new ArBytes().member("a", new byte[] {1, 2, 3}).bytes();
        refused(Arrays.copyOf(whole, whole.length - 1), "ends within 'a'");
        refused(Arrays.copyOf(whole, whole.length - 2), "ends within 'a'");
        refused(Arrays.copyOf(whole, 50), "within a header");
    }

    private static void refused(byte[] archive, String message) {
        assertThatThrownBy(() -> read(archive)).isInstanceOf(IOException.class).hasMessageContaining(message);
    }

    @Test
    void randomDamageEndsInAnArchiveOrAnIoException() {
        byte[] whole = new ArBytes()
                .member("debian-binary", new byte[4])
                .member("control.tar.xz", new byte[33])
                .member("data.tar.xz", new byte[50])
                .bytes();
        for (int seed = 0; seed < 5000; seed++) {
            Random random = new Random(seed);
            byte[] bytes = Arrays.copyOf(whole, random.nextBoolean() ? whole.length : random.nextInt(whole.length));
            for (int i = random.nextInt(4); i >= 0 && bytes.length > 0; i--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(128);
            }
            try {
                assertThat(read(bytes).values().stream()
                                .mapToLong(content -> content.length)
                                .sum())
                        .as("seed %d", seed)
                        .isLessThan(bytes.length);
            } catch (IOException e) {
                assertThat(e).as("seed %d", seed).hasMessageMatching("(?s).*\\bits? .*");
            }
        }
    }
}
