package jcrosvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class DebianPackageTest {
    @TempDir
    private Path directory;

    /** Builds a package with Debian's own tool. */
    private Path build(String compression) throws Exception {
        assumeTrue(EmulatedMachine.onPath("dpkg-deb"), "dpkg-deb is not installed");
        assumeTrue(!compression.equals("zstd") || EmulatedMachine.onPath("zstd"), "zstd is not installed");
        Path tree = Files.createDirectory(directory.resolve("tree"));
        Files.createDirectory(tree.resolve("DEBIAN"));
        Files.writeString(
                tree.resolve("DEBIAN/control"),
                "Package: sample\nVersion: 1:2.0~rc1-3\nArchitecture: all\nMaintainer: x <x@example.org>\n"
                        + "Description: short\n long text: with a colon\n");
        Files.createDirectories(tree.resolve("usr/bin"));
        Files.writeString(tree.resolve("usr/bin/program"), "#!/bin/sh\n");
        tree.resolve("usr/bin/program").toFile().setExecutable(true, false);
        Files.createSymbolicLink(tree.resolve("usr/bin/link"), Path.of("program"));
        Files.createLink(tree.resolve("usr/bin/same"), tree.resolve("usr/bin/program"));
        Files.writeString(tree.resolve("usr/" + "long".repeat(40)), "x".repeat(100_000));
        Path deb = directory.resolve("sample.deb");
        Process tool = new ProcessBuilder(
                        "dpkg-deb", "--root-owner-group", "-Z" + compression, "-b", tree.toString(), deb.toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(tool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assumeTrue(tool.waitFor() == 0, "dpkg-deb: " + output);
        return deb;
    }

    @ParameterizedTest
    @ValueSource(strings = {"xz", "gzip", "zstd", "none"})
    void agreesWithDpkg(String compression) throws Exception {
        Path deb = build(compression);
        DebianPackage opened = DebianPackage.open(deb);
        assertThat(opened.name()).isEqualTo("sample");
        assertThat(opened.version()).isEqualTo("1:2.0~rc1-3");
        assertThat(opened.control()).containsEntry("Description", "short").doesNotContainKey(" long text");
        Process tool = new ProcessBuilder("dpkg-deb", "-c", deb.toString()).start();
        List<String> listed = new String(tool.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .map(line -> line.replaceFirst(".*? \\./", ""))
                .map(line -> line.replaceAll("/$", "").replaceAll(" link to \\./", " = "))
                .filter(line -> !line.isEmpty())
                .toList();
        assertThat(opened.members().stream()
                        .map(member -> switch (member.type()) {
                            case SYMLINK -> member.path() + " -> " + member.link();
                            case HARD_LINK -> member.path() + " = " + member.link();
                            default -> member.path();
                        })
                        .toList())
                .isEqualTo(listed);
        Path root = directory.resolve("root");
        opened.extract(root, path -> true);
        assertThat(root.resolve("usr/bin/program")).isExecutable().hasContent("#!/bin/sh\n");
        assertThat(Files.readSymbolicLink(root.resolve("usr/bin/link"))).isEqualTo(Path.of("program"));
        assertThat(root.resolve("usr/bin/same")).hasContent("#!/bin/sh\n");
        assertThat(root.resolve("usr/" + "long".repeat(40))).hasSize(100_000);
    }

    @Test
    void onlyWhatIsWantedIsUnpacked() throws Exception {
        DebianPackage.open(build("xz")).extract(directory.resolve("root"), path -> path.equals("usr/bin/program"));
        try (var files = Files.walk(directory.resolve("root")).filter(Files::isRegularFile)) {
            assertThat(files).hasSize(1);
        }
    }

    private Path forge(TarBytes data) throws IOException {
        return forge("Package: p\nVersion: 1\n", data);
    }

    private Path forge(String control, TarBytes data) throws IOException {
        return Files.write(
                directory.resolve("forged.deb"),
                new ArBytes()
                        .member("debian-binary", "2.0\n".getBytes(StandardCharsets.US_ASCII))
                        .member("control.tar.gz", gzip(new TarBytes().file("./control", control)))
                        .member("data.tar.gz", gzip(data))
                        .bytes());
    }

    private static byte[] gzip(TarBytes tar) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream out = new GZIPOutputStream(bytes)) {
            out.write(tar.ended());
        }
        return bytes.toByteArray();
    }

    @Test
    void nothingIsWrittenOutsideOfTheRoot() throws Exception {
        List<TarBytes> attacks = List.of(
                new TarBytes().file("./../escaped", ""),
                new TarBytes().file(directory + "/escaped", ""),
                new TarBytes().symlink("./way", directory.toString()).file("./way/escaped", ""),
                new TarBytes().symlink("./way", directory.toString()).file("./way/deeper/escaped", ""),
                new TarBytes().hardLink("./same", "../outside"),
                new TarBytes().hardLink("./same", directory + "/outside"));
        Files.writeString(directory.resolve("outside"), "");
        for (TarBytes attack : attacks) {
            DebianPackage forged = DebianPackage.open(forge(attack));
            assertThatThrownBy(() -> forged.extract(directory.resolve("root"), path -> true))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("root");
            assertThat(directory.resolve("escaped")).doesNotExist();
            assertThat(directory.resolve("deeper")).doesNotExist();
            AtomicFiles.deleteTree(directory.resolve("root"));
        }
    }

    @Test
    void damageIsReportedInOneLine() throws Exception {
        byte[] whole = Files.readAllBytes(forge(new TarBytes().file("./file", "")));
        Path damaged = directory.resolve("damaged.deb");
        for (int seed = 0; seed < 300; seed++) {
            Random random = new Random(seed);
            byte[] bytes = Arrays.copyOf(whole, random.nextBoolean() ? whole.length : random.nextInt(whole.length));
            for (int i = random.nextInt(4); i >= 0 && bytes.length > 0; i--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            Files.write(damaged, bytes);
            try {
                DebianPackage.open(damaged).members();
            } catch (VmmException e) {
                assertThat(e.getMessage())
                        .as("seed %d", seed)
                        .contains("damaged.deb")
                        .doesNotContain("\n");
            }
        }
        assertThatThrownBy(() -> DebianPackage.open(directory.resolve("none.deb")))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("is not there");
    }

    @Test
    void checksumsAreVerifiedToTheEnd() throws Exception {
        byte[] bytes = Files.readAllBytes(forge(new TarBytes().file("./file", "content")));
        // The last bytes are the check sum and the length of the data's gzip.
        bytes[bytes.length - 6] ^= 1;
        DebianPackage damaged = DebianPackage.open(Files.write(directory.resolve("damaged.deb"), bytes));
        assertThatThrownBy(damaged::members).isInstanceOf(VmmException.class).hasMessageContaining("damaged.deb");
    }

    @Test
    void controlFileIsNotReadToMemoryWhateverItsSize() throws Exception {
        Path deb = forge("Package: p\nVersion: 1\n" + " ".repeat(2 << 20), new TarBytes());
        assertThatThrownBy(() -> DebianPackage.open(deb))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("control file has 2097174 bytes");
    }
}
