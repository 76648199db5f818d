package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.Guests;
import jcrosvm.guest.TestGuest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Devices that this program serves, in a Linux that QEMU runs. */
@Tag("soft")
@ParameterizedClass
@EnumSource(Qemu.class)
class QemuFrontEndTest {
    private static final Guests GUESTS = Guests.ofUser(line -> {});
    private static final long LIMIT_SECONDS = 300;
    private static final int MIB = 1 << 20;
    /** One second of 48 kHz, 16 bits, stereo, and a quarter of it. */
    private static final int SECOND = 192_000;

    private static final int PERIOD = 48_000;

    @Parameter
    Qemu qemu;

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
        return guest(
                device,
                DebianKernel.CLOUD_6_12,
                image -> image.modules(modules.toArray(String[]::new)),
                script,
                options,
                isKept);
    }

    private Transcript guest(
            List<String> device,
            DebianKernel kernel,
            UnaryOperator<TestGuest> content,
            String script,
            List<String> options,
            boolean isKept)
            throws Exception {
        List<String> program = qemu.command();
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
        Path socket = directory.resolve("socket");
        List<String> serve =
                new ArrayList<>(List.of(SourceTree.ROOT.resolve("jcrosvm").toString(), "device"));
        serve.addAll(device);
        serve.addAll(List.of("--socket-path", socket.toString()));
        if (isKept) {
            serve.add("--keep");
        }
        GuestImage image = content.apply(new TestGuest(GUESTS, kernel, script)).write(directory.resolve("initramfs"));
        try (Running backend = new Running(serve)) {
            while (!Files.exists(socket)) {
                assertThat(backend.process.waitFor(20, TimeUnit.MILLISECONDS))
                        .as(backend.transcript.text())
                        .isFalse();
            }
            Transcript printed = null;
            for (int i = 0; i < (isKept ? 2 : 1); i++) {
                printed = boot(backend, program, image, socket, options);
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

    private static List<String> machine(List<String> program, GuestImage image, String backend, List<String> options) {
        List<String> command = new ArrayList<>(program);
        command.addAll(List.of("-accel", "tcg", "-cpu", "max", "-smp", "2"));
        command.addAll(List.of("-m", "1024", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"));
        command.addAll(List.of("-object", "memory-backend-memfd,id=ram,size=1G,share=on"));
        command.addAll(List.of("-machine", "q35,memory-backend=ram", "-serial", "stdio"));
        command.addAll(List.of("-chardev", "socket,id=c,path=" + backend));
        command.addAll(options);
        command.addAll(List.of("-kernel", image.kernel().toString(), "-append", image.parameters()));
        command.addAll(List.of("-initrd", image.initramfs().toString()));
        return command;
    }

    private static Transcript boot(
            Running backend, List<String> program, GuestImage image, Path socket, List<String> options)
            throws Exception {
        List<String> command = machine(program, image, socket.toString(), options);
        try (Running vm = new Running(command)) {
            assertThat(vm.end())
                    .as("%s%n%s", vm.transcript.text(), backend.transcript.text())
                    .isZero();
            assertThat(vm.transcript.awaitMarker("DONE", 1))
                    .as(vm.transcript.text())
                    .isEqualTo("0");
            return vm.transcript;
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

    /** QEMU keeps the notes of the server that was killed, and gives them to the next. */
    @ParameterizedTest
    @CsvSource({"'', ''", "',packed-queue', ',packed=on'"})
    void aDiskWhoseServerIsKilled(String key, String property) throws Exception {
        List<String> program = qemu.command();
        Path disk = directory.resolve("disk");
        VirtioScenes.qemuImg("create", "-q", "-f", "raw", disk.toString(), Long.toString(64L * MIB));
        String script = VirtioScenes.PROGRAMS + """
                mark STARTED
                for round in 1 2 3; do
                    deb fio --minimal --name=verify --filename=/dev/vda --rw=randrw --bsrange=512-64k --size=16m --direct=1 \\
                        --ioengine=libaio --iodepth=32 --numjobs=2 --offset_increment=32m --verify=crc32c \\
                        --randrepeat=0 --group_reporting >/tmp/fio 2>&1 || { cat /tmp/fio; mark BAD; }
                    mark ROUND
                done
                sync
                mark "SHA $(sha256sum </dev/vda)"
                """;
        GuestImage image = new TestGuest(GUESTS, DebianKernel.CLOUD_6_12, script)
                .modules(DiskScenes.DISK.toArray(String[]::new))
                .tree("/srv", VirtioScenes.programs())
                .write(directory.resolve("initramfs"));
        Random random = new Random();
        int kills = 0;
        try (Peer peer = Peer.ownBlock(directory, disk + key);
                Running vm = new Running(machine(
                        program,
                        image,
                        peer.socket() + ",reconnect=1",
                        List.of("-device", "vhost-user-blk-pci,chardev=c,num-queues=2" + property)))) {
            vm.transcript.awaitMarker("STARTED", 1);
            long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
            while (!vm.transcript.text().contains("@@ ROUND")) {
                assertThat(System.nanoTime())
                        .as("%s%n%s", vm.transcript.text(), peer.log())
                        .isLessThan(limit);
                TimeUnit.MILLISECONDS.sleep(1200 + random.nextInt(1500)); // QEMU tries once a second
                peer.killAndRestart(random.nextInt(100));
                kills++;
                assertThat(peer.log()).doesNotContain("error");
            }
            assertThat(vm.end()).as("%s%n%s", vm.transcript.text(), peer.log()).isZero();
            assertThat(vm.transcript.text()).doesNotContain("@@ BAD", "I/O error", "verify:");
            assertThat(vm.transcript.awaitMarker("SHA", 1)).startsWith(VirtioScenes.sha256(Files.readAllBytes(disk)));
            assertThat(kills).isPositive();
        }
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

    /** Without MSI-X: with it a vhost-user network crashes both QEMUs under TCG. */
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

    /** Both files are raw samples; what is played stands behind a period of silence. */
    @Test
    void aSoundCardPlaysAndRecords() throws Exception {
        qemu.need("vhost-user-snd-pci");
        Path tree = GUESTS.programs("sound", "bookworm", "amd64", List.of("alsa-utils"));
        byte[] samples = VirtioScenes.noise(6, SECOND);
        byte[] voice = VirtioScenes.noise(7, 2 * SECOND);
        Files.write(directory.resolve("stream-0.in"), voice);
        String script = VirtioScenes.PROGRAMS + """
                format="-q -t raw -D hw:0,0 -f S16_LE -r 48000 -c 2"
                deb aplay $format --buffer-size=48000 --period-size=12000 /samples
                mark "PLAYED $?"
                deb arecord $format -d 1 /tmp/voice
                mark "RECORDED $? $(wc -c </srv/tmp/voice) $(sha256sum </srv/tmp/voice)"
                """;
        String files = "backend=file,playback_path=" + directory + ",playback_size=400000,capture=true,capture_path="
                + directory;
        Transcript printed = guest(
                List.of("snd", "--config", files),
                DebianKernel.GENERIC_6_12,
                image -> image.modules("virtio_pci", "virtio_snd")
                        .tree("/srv", tree)
                        .file("/srv/samples", 0644, samples),
                script,
                List.of("-device", "vhost-user-snd-pci,chardev=c"),
                false);
        assertThat(printed.awaitMarker("PLAYED", 1)).as(printed.text()).isEqualTo("0");
        byte[] played = Files.readAllBytes(directory.resolve("stream-0.out"));
        assertThat(Arrays.copyOfRange(played, PERIOD, PERIOD + SECOND)).isEqualTo(samples);
        assertThat(printed.awaitMarker("RECORDED", 1))
                .as(printed.text())
                .startsWith("0 " + SECOND + " " + VirtioScenes.sha256(Arrays.copyOf(voice, SECOND)));
    }
}
