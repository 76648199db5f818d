package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.Guests;
import jcrosvm.guest.TestGuest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Devices that this program serves, in a Linux that QEMU runs. */
@Tag("soft")
class QemuFrontEndTest {
    private static final Path QEMU = Path.of("/usr/bin/qemu-system-x86_64");
    private static final Guests GUESTS = Guests.ofUser(line -> {});
    private static final long LIMIT_SECONDS = 300;
    private static final int MIB = 1 << 20;

    @TempDir
    Path directory;

    /** A process whose output is kept. */
    private static final class Running implements AutoCloseable {
        final Process process;
        final Transcript transcript = new Transcript(LIMIT_SECONDS, this::isOver);

        Running(List<String> command) throws IOException {
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
            builder.environment().put("JCROSVM_BUILD", "never");
            process = builder.start();
            Thread.ofPlatform().daemon().start(this::read);
        }

        private boolean isOver() {
            return !process.isAlive();
        }

        private void read() {
            byte[] buffer = new byte[4096];
            try (InputStream in = process.getInputStream()) {
                for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                    transcript.append(buffer, count);
                }
            } catch (IOException e) {
                // the process was killed while it was read from
            }
            transcript.close();
        }

        int end() throws InterruptedException {
            assertThat(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS))
                    .as(transcript.text())
                    .isTrue();
            return process.exitValue();
        }

        @Override
        public void close() {
            process.destroyForcibly();
        }
    }

    /** Serves a device to a guest that runs a script; what the guest printed. */
    private Transcript guest(
            List<String> device, List<String> modules, String script, List<String> options, boolean isKept)
            throws Exception {
        assumeTrue(Files.isExecutable(QEMU), "qemu-system-x86_64 is not installed");
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
        Path socket = directory.resolve("socket");
        List<String> serve =
                new ArrayList<>(List.of(SourceTree.ROOT.resolve("jcrosvm").toString(), "device"));
        serve.addAll(device);
        serve.addAll(List.of("--socket-path", socket.toString()));
        if (isKept) {
            serve.add("--keep");
        }
        GuestImage image = new TestGuest(GUESTS, DebianKernel.CLOUD_6_12, script)
                .modules(modules.toArray(String[]::new))
                .write(directory.resolve("initramfs"));
        try (Running backend = new Running(serve)) {
            while (!Files.exists(socket)) {
                assertThat(backend.process.waitFor(20, TimeUnit.MILLISECONDS))
                        .as(backend.transcript.text())
                        .isFalse();
            }
            Transcript printed = null;
            for (int i = 0; i < (isKept ? 2 : 1); i++) {
                printed = boot(image, socket, options);
            }
            if (isKept) {
                backend.process.destroy();
            }
            assertThat(backend.end()).as(backend.transcript.text()).isZero();
            assertThat(backend.transcript.text()).doesNotContain("error", "warning", "Exception");
            assertThat(socket).doesNotExist();
            return java.util.Objects.requireNonNull(printed);
        }
    }

    private static Transcript boot(GuestImage image, Path socket, List<String> options) throws Exception {
        List<String> command = new ArrayList<>(List.of(QEMU.toString(), "-accel", "tcg", "-cpu", "max", "-smp", "2"));
        command.addAll(List.of("-m", "512", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"));
        command.addAll(List.of("-object", "memory-backend-memfd,id=ram,size=512M,share=on"));
        command.addAll(List.of("-machine", "q35,memory-backend=ram", "-serial", "stdio"));
        command.addAll(List.of("-chardev", "socket,id=c,path=" + socket));
        command.addAll(options);
        command.addAll(List.of("-kernel", image.kernel().toString(), "-append", image.parameters()));
        command.addAll(List.of("-initrd", image.initramfs().toString()));
        try (Running qemu = new Running(command)) {
            assertThat(qemu.end()).as(qemu.transcript.text()).isZero();
            assertThat(qemu.transcript.awaitMarker("DONE", 1))
                    .as(qemu.transcript.text())
                    .isEqualTo("0");
            return qemu.transcript;
        }
    }

    @ParameterizedTest
    @CsvSource({"'', ''", "packed-queue, packed=on", "async-executor=epoll, 'num-queues=2,queue-size=256'"})
    void aDiskIsReadAndWritten(String key, String property) throws Exception {
        Path disk = directory.resolve("disk");
        byte[] noise = VirtioScenes.noise(3, 16 * MIB);
        Files.write(disk, noise);
        String script = """
                mark "SIZE $(cat /sys/block/vda/size)"
                mark "BEFORE $(sha256sum </dev/vda)"
                dd if=/dev/urandom of=/tmp/data bs=1M count=8 2>/dev/null
                dd if=/tmp/data of=/dev/vda bs=64k seek=64 oflag=direct 2>/dev/null
                dd if=/tmp/data of=/dev/vda bs=4k count=64 conv=notrunc,fsync 2>/dev/null
                echo 3 >/proc/sys/vm/drop_caches
                dd if=/dev/vda bs=64k skip=64 count=128 iflag=direct 2>/dev/null | cmp - /tmp/data
                mark "SAME $?"
                mark "AFTER $(sha256sum </dev/vda)"
                """;
        Transcript printed = guest(
                List.of("block", "--config", disk + (key.isEmpty() ? "" : "," + key)),
                DiskScenes.DISK,
                script,
                List.of("-device", "vhost-user-blk-pci,chardev=c" + (property.isEmpty() ? "" : "," + property)),
                false);
        assertThat(printed.awaitMarker("SIZE", 1)).isEqualTo("32768");
        assertThat(printed.awaitMarker("BEFORE", 1)).startsWith(VirtioScenes.sha256(noise));
        assertThat(printed.awaitMarker("SAME", 1)).isEqualTo("0");
        assertThat(printed.awaitMarker("AFTER", 1)).startsWith(VirtioScenes.sha256(Files.readAllBytes(disk)));
    }

    @Test
    void entropyForOneGuestAfterAnother() throws Exception {
        String script = """
                mark "RNG $(cat /sys/class/misc/hw_random/rng_current)"
                mark "BYTES $(dd if=/dev/hwrng bs=512 count=8 2>/dev/null | wc -c)"
                """;
        Transcript printed = guest(
                List.of("rng"),
                List.of("virtio_pci", "virtio_rng"),
                script,
                List.of("-device", "vhost-user-rng-pci,chardev=c"),
                true);
        assertThat(printed.awaitMarker("RNG", 1)).startsWith("virtio_rng");
        assertThat(printed.awaitMarker("BYTES", 1)).isEqualTo("4096");
    }

    /** Without MSI-X: QEMU 7.2 takes it for granted that a vhost-user network has KVM's irqfds, and crashes under TCG. */
    @Test
    void aNetworkOfOurOwn() throws Exception {
        Transcript printed = guest(
                List.of("net", "--config", "user"),
                List.of("virtio_pci", "virtio_net"),
                VirtioScenes.NETWORK_UP + "ping -c 2 10.0.2.2 >/dev/null; mark \"PING $?\"\n",
                List.of("-netdev", "vhost-user,id=n,chardev=c", "-device", "virtio-net-pci,netdev=n,vectors=0"),
                false);
        assertThat(printed.awaitMarker("LEASE", 1)).startsWith("10.0.2.");
        assertThat(printed.awaitMarker("PING", 1)).isEqualTo("0");
    }
}
