package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.Guests;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Debian's programs print on the software processor what they print on the host's. */
@Tag("soft")
class ProgramsTest {
    private static final Guests GUESTS = Guests.ofUser(line -> {});
    private static final long HOST_LIMIT_SECONDS = 300;

    @TempDir
    private Path directory;

    @Test
    void cryptographyAndDatabase() throws Exception {
        Path programs = GUESTS.programs("work", "trixie", "amd64", List.of("openssl", "sqlite3"));
        compare(programs, "work-small.sh", 512);
    }

    @Test
    void theSameIn32Bits() throws Exception {
        Path programs = GUESTS.programs("i386", "bookworm", "i386", List.of("openssl", "sqlite3"));
        compare(programs, "work-small.sh", 512);
    }

    @Test
    void compilerPythonAndStress() throws Exception {
        Path programs = GUESTS.programs(
                "big",
                "trixie",
                "amd64",
                List.of("gcc", "libc6-dev", "python3", "libpython3.13-testsuite", "stress-ng"));
        compare(programs, "work-large.sh", 3072);
    }

    private void compare(Path programs, String script, int mib) throws Exception {
        String work = resource(script);
        String expected = onHost(programs, work);
        assertThat(expected).isNotEmpty();
        String inGuest = """
                mkdir -p /work/tmp /work/proc /work/dev
                mount -t proc proc /work/proc
                mount -t devtmpfs dev /work/dev
                mark BEGIN
                PATH=/usr/bin:/usr/sbin chroot /work /busybox sh /script 2>/dev/null
                mark END
                """;
        try (GuestSession guest = new GuestSession(
                directory,
                DebianKernel.CLOUD_6_12,
                inGuest,
                image -> image.tree("/work", programs)
                        .file("/work/busybox", 0755, read(GUESTS.busybox()))
                        .file("/work/script", 0644, work.getBytes(StandardCharsets.UTF_8)),
                builder -> builder.cpus(2).memoryMib(mib).hypervisor(new HypervisorConfig("soft", null, null)))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            String output = guest.output();
            int begin = output.indexOf("@@ BEGIN\n") + "@@ BEGIN\n".length();
            assertThat(output.substring(begin, output.indexOf("@@ END"))).isEqualTo(expected);
        }
    }

    /** Under chroot in namespaces of its own, so that neither root nor the host's files are touched. */
    private String onHost(Path programs, String work) throws Exception {
        Path root = directory.resolve("root");
        Path script = Files.writeString(directory.resolve("script"), work);
        Path busybox = directory.resolve("busybox");
        Files.copy(GUESTS.busybox(), busybox, StandardCopyOption.COPY_ATTRIBUTES);
        Files.createDirectories(root);
        String command = """
                set -e
                mount -t tmpfs none "$0" && cd "$0"
                for each in "$1"/*; do
                    name=${each##*/}
                    if [ -L "$each" ]; then cp -P "$each" .; else mkdir "$name" && mount --bind "$each" "$name"; fi
                done
                mkdir -p tmp proc dev
                mount --rbind /proc proc && mount --rbind /dev dev
                cp "$2" busybox && cp "$3" script
                PATH=/usr/bin:/usr/sbin exec chroot . /busybox sh /script 2>/dev/null
                """;
        Path output = directory.resolve("host-output");
        Process process = new ProcessBuilder(
                        "unshare",
                        "-rm",
                        "sh",
                        "-c",
                        command,
                        root.toString(),
                        programs.toString(),
                        busybox.toString(),
                        script.toString())
                .redirectOutput(output.toFile())
                .redirectError(directory.resolve("host-errors").toFile())
                .start();
        assertThat(process.waitFor(HOST_LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
        String errors = Files.readString(directory.resolve("host-errors"));
        assumeTrue(
                !errors.contains("unshare:") && !errors.contains("mount:"),
                "the host lets nobody make user namespaces, to compare with: " + errors);
        return Files.readString(output);
    }

    private static byte[] read(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static String resource(String name) throws java.io.IOException {
        try (InputStream in = ProgramsTest.class.getResourceAsStream(name)) {
            assertThat(in).as(name).isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
