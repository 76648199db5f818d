package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** QEMUs that use our devices. Tests on one that is not there are skipped. */
enum Qemu {
    /** That of the host's package: 7.2 on Debian bookworm. */
    INSTALLED {
        @Override
        List<String> command() {
            Path program = Path.of("/usr/bin/qemu-system-x86_64");
            assumeTrue(Files.isExecutable(program), "qemu-system-x86_64 is not installed");
            return List.of(program.toString());
        }
    },

    /** That of Debian trixie, which is 10.0, with its own libraries. It is there when tools/kvm-rig has made its machine. */
    OF_RIG {
        @Override
        List<String> command() throws IOException {
            Path tree = tree().resolve("usr");
            return List.of(
                    tree.resolve("lib64/ld-linux-x86-64.so.2").toString(),
                    "--library-path",
                    tree.resolve("lib/x86_64-linux-gnu") + ":" + tree.resolve("lib"),
                    tree.resolve("bin/qemu-system-x86_64").toString(),
                    "-L",
                    tree.resolve("share/qemu").toString(),
                    "-L",
                    tree.resolve("share/seabios").toString(),
                    "-L",
                    tree.resolve("lib/ipxe/qemu").toString());
        }

        private static Path tree() throws IOException {
            String caches = System.getenv("XDG_CACHE_HOME");
            Path rig = caches == null || caches.isEmpty()
                    ? Path.of(System.getProperty("user.home"), ".cache/jcrosvm/rig")
                    : Path.of(caches, "jcrosvm/rig");
            List<Path> found = List.of();
            if (Files.isDirectory(rig)) {
                try (Stream<Path> folders = Files.list(rig)) {
                    found = folders.filter(
                                    folder -> folder.getFileName().toString().matches("qemu-\\d+"))
                            .toList();
                }
            }
            assumeTrue(!found.isEmpty(), "there is no QEMU in " + rig + ": tools/kvm-rig --setup makes it");
            return found.getFirst();
        }
    };

    private static final long LIMIT_SECONDS = 60;

    /** The program and its first arguments. */
    abstract List<String> command() throws IOException;

    /** Skips the test when this QEMU does not have such a device. */
    void need(String device) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(command());
        command.addAll(List.of("-machine", "none", "-display", "none", "-device", device + ",help"));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)).as(output).isTrue();
        assumeTrue(output.contains(device + " options:"), "this QEMU has no device " + device);
    }
}
