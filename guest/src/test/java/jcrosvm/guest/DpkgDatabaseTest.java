package jcrosvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DpkgDatabaseTest {
    private static final String SUM = "0123456789abcdef0123456789abcdef";

    @TempDir
    private Path directory;

    private DebianPackage deb(String name, String more) throws Exception {
        byte[] control = new TarBytes()
                .file(
                        "./control",
                        "Package: " + name + "\nVersion: 1:2-3\nArchitecture: amd64\nMaintainer: a <a@b>\n" + more
                                + "Description: short\n long\n .\n more\n")
                .file("./conffiles", "/etc/one\nremove-on-upgrade /etc/gone\n")
                .file("./triggers", "# none\ninterest-noawait /usr/lib/x\ninterest event\nactivate ldconfig\n")
                .file("./postinst", "#!/bin/sh\n")
                .ended();
        Path file = directory.resolve(name + ".deb");
        Files.write(
                file,
                new ArBytes()
                        .member("debian-binary", "2.0\n".getBytes(StandardCharsets.US_ASCII))
                        .member("control.tar.gz", gzip(control))
                        .member(
                                "data.tar.gz",
                                gzip(new TarBytes().file("./etc/one", "1").ended()))
                        .bytes());
        return DebianPackage.open(file);
    }

    private static byte[] gzip(byte[] bytes) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(bytes);
        }
        return out.toByteArray();
    }

    private DpkgDatabase database() throws Exception {
        DpkgDatabase database = new DpkgDatabase();
        for (DebianPackage deb : new DebianPackage[] {deb("first", ""), deb("second", "Multi-Arch: same\n")}) {
            DpkgDatabase.Entry entry = database.add(deb);
            entry.path("");
            entry.path("etc");
            entry.path("etc/one");
            assertThat(entry.isConffile("etc/one")).isTrue();
            assertThat(entry.isConffile("etc/gone")).isFalse();
            entry.conffile("etc/one", SUM);
            entry.unpacked();
        }
        return database;
    }

    @Test
    void filesAreThoseOfDpkg() throws Exception {
        Map<String, byte[]> files = database().files();
        assertThat(files).containsKeys("var/lib/dpkg/info/first.postinst", "var/lib/dpkg/info/second:amd64.list");
        assertThat(text(files, "info/first.list")).isEqualTo("/.\n/etc\n/etc/one\n");
        assertThat(text(files, "triggers/File"))
                .isEqualTo("/usr/lib/x first/noawait\n/usr/lib/x second:amd64/noawait\n");
        assertThat(text(files, "triggers/event")).isEqualTo("first\nsecond:amd64\n");
        assertThat(text(files, "status"))
                .startsWith("Package: first\nStatus: install ok unpacked\nVersion: 1:2-3\n")
                .contains("\nConffiles:\n /etc/one " + SUM + "\n\nPackage: second\n");
    }

    @Test
    void dpkgReadsThem() throws Exception {
        assumeTrue(EmulatedMachine.onPath("dpkg-query"), "dpkg is not installed");
        for (Map.Entry<String, byte[]> file : database().files().entrySet()) {
            Path path = directory.resolve("root").resolve(file.getKey());
            Files.createDirectories(path.getParent());
            Files.write(path, file.getValue());
        }
        Process process = new ProcessBuilder(
                        "dpkg-query",
                        "--admindir=" + directory.resolve("root/var/lib/dpkg"),
                        "-W",
                        "-f",
                        "${Package} ${Version} ${Status}${Conffiles}\n")
                .redirectErrorStream(true)
                .start();
        assertThat(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEqualTo("first 1:2-3 install ok unpacked /etc/one " + SUM
                        + "\nsecond 1:2-3 install ok unpacked /etc/one " + SUM + "\n");
        assertThat(process.waitFor()).isZero();
    }

    @Test
    void missingConffileIsAnError() throws Exception {
        DpkgDatabase.Entry entry = new DpkgDatabase().add(deb("bad", ""));
        assertThatThrownBy(entry::unpacked).hasMessageContaining("/etc/one");
    }

    private static String text(Map<String, byte[]> files, String path) {
        return new String(files.get("var/lib/dpkg/" + path), StandardCharsets.UTF_8);
    }
}
