package jcrosvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The disk is made and booted by QEMU. It takes minutes, and a network. */
@Tag("rig")
@Tag("long")
final class DebianDiskTest {
    @TempDir
    private Path directory;

    private final List<String> progress = new ArrayList<>();

    /** A cache of its own, but for what is not tested here. */
    private Guests guests() throws IOException {
        Path shared = Guests.defaultDirectory();
        Guests user = Guests.ofUser(System.err::println);
        user.kernel(DiskRecipe.DEMO.kernel());
        user.busybox();
        for (String part : List.of(DiskRecipe.DEMO.kernel().directory(), "busybox-static", "packages")) {
            Files.createSymbolicLink(directory.resolve(part), shared.resolve(part));
        }
        return new Guests(directory, progress::add);
    }

    private static Process qemu(GuestImage guest, Path disk, String... more) throws IOException {
        List<String> command = new ArrayList<>(List.of("qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-m"));
        command.addAll(List.of(Integer.toString(DebianDisk.MEMORY_MIB), "-nodefaults", "-display", "none"));
        command.addAll(List.of("-no-reboot", "-append", guest.parameters()));
        command.addAll(List.of("-kernel", guest.kernel().toString()));
        command.addAll(List.of("-initrd", guest.initramfs().toString()));
        command.addAll(List.of("-drive", "if=virtio,format=raw,cache=unsafe,file=" + disk));
        command.addAll(List.of(more));
        return new ProcessBuilder(command).inheritIO().start();
    }

    private static void setup(GuestImage guest, Path disk, Path console) {
        try {
            Process qemu = qemu(guest, disk, "-serial", "unix:" + console);
            assertThat(qemu.waitFor(10, TimeUnit.MINUTES)).isTrue();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void debianBootsAndIsReachedBySsh() throws Exception {
        assumeTrue(EmulatedMachine.onPath("qemu-system-x86_64"), "qemu-system-x86_64 is not installed");
        assumeTrue(GuestSsh.hasClient(), "ssh is not installed");
        DebianDisk disk = new DebianDisk(guests(), DiskRecipe.DEMO, DebianDiskTest::setup, progress::add);
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Path copy;
        try (DiskSession session = disk.open(DiskCopy.RAW)) {
            copy = session.disk();
            assertThat(progress)
                    .anyMatch(line -> line.startsWith("fetched "))
                    .anyMatch(line -> line.startsWith("set up "));
            Process qemu = qemu(
                    session.quiet(),
                    copy,
                    "-netdev",
                    "user,id=n,hostfwd=tcp:127.0.0.1:" + port + "-:22",
                    "-device",
                    "virtio-net-pci,netdev=n",
                    "-serial",
                    "null");
            try {
                GuestSsh ssh = new GuestSsh(session, port);
                for (int i = 0; !ssh.answers(2000) && i < 200; i++) {
                    Thread.sleep(1000);
                }
                assertThat(ssh.run("""
                        set -ex
                        [ "$(systemctl is-system-running --wait)" = running ]
                        [ -z "$(dpkg --audit)" ]
                        [ "$(id -un)" = root ]
                        [ "$(stat -c %a /usr/bin/passwd)" = 4755 ]
                        apt-get check
                        dpkg --verify | grep -v '/usr/share/\\(doc\\|man\\|info\\|locale\\|lintian\\|bug\\)/' && exit 1
                        getent hosts localhost
                        ip -br addr | grep ' 10.0.2.15/'
                        modinfo xfs
                        systemctl poweroff
                        """)).isZero();
                assertThat(qemu.waitFor(2, TimeUnit.MINUTES)).isTrue();
            } finally {
                qemu.destroyForcibly().waitFor();
            }
            Process fsck = new ProcessBuilder("/usr/sbin/e2fsck", "-fn", copy.toString())
                    .redirectErrorStream(true)
                    .start();
            String said = new String(fsck.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(fsck.waitFor()).as(said).isZero();
        }
        assertThat(Files.exists(copy, LinkOption.NOFOLLOW_LINKS)).isFalse();
        try (Stream<Path> left = Files.list(directory.resolve("disks"))) {
            assertThat(left.map(path -> path.getFileName().toString()))
                    .noneMatch(name -> name.startsWith("session-") || name.contains(".partial-"));
        }
    }
}
