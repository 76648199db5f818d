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
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
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

    private Path forge(TarArchiveEntry... entries) throws IOException {
        Path deb = directory.resolve("forged.deb");
        try (OutputStream out = Files.newOutputStream(deb);
                ArArchiveOutputStream ar = new ArArchiveOutputStream(out)) {
            add(ar, "debian-binary", "2.0\n".getBytes(StandardCharsets.US_ASCII));
            TarArchiveEntry control = new TarArchiveEntry("./control");
            byte[] text = "Package: p\nVersion: 1\n".getBytes(StandardCharsets.US_ASCII);
            control.setSize(text.length);
            add(ar, "control.tar.gz", tar(text, control));
            add(ar, "data.tar.gz", tar(new byte[0], entries));
        }
        return deb;
    }

    private static void add(ArArchiveOutputStream ar, String name, byte[] content) throws IOException {
        ar.putArchiveEntry(new ArArchiveEntry(name, content.length));
        ar.write(content);
        ar.closeArchiveEntry();
    }

    private static byte[] tar(byte[] content, TarArchiveEntry... entries) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (TarArchiveOutputStream tar = new TarArchiveOutputStream(new GZIPOutputStream(bytes))) {
            for (TarArchiveEntry entry : entries) {
                tar.putArchiveEntry(entry);
                tar.write(content);
                tar.closeArchiveEntry();
            }
        }
        return bytes.toByteArray();
    }

    @Test
    void nothingIsWrittenOutsideOfTheRoot() throws Exception {
        TarArchiveEntry link = new TarArchiveEntry("./way", TarConstants.LF_SYMLINK);
        link.setLinkName(directory.toString());
        List<TarArchiveEntry[]> attacks = List.of(
                new TarArchiveEntry[] {new TarArchiveEntry("./../escaped")},
                new TarArchiveEntry[] {new TarArchiveEntry(directory + "/escaped", true)},
                new TarArchiveEntry[] {link, new TarArchiveEntry("./way/escaped")},
                new TarArchiveEntry[] {link, new TarArchiveEntry("./way/deeper/escaped")});
        for (TarArchiveEntry[] attack : attacks) {
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
        byte[] whole = Files.readAllBytes(forge(new TarArchiveEntry("./file")));
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
}
