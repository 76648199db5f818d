package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import jcrosvm.guest.Guests;
import jcrosvm.vhostuser.frontend.DeviceType;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Linux's drivers on the backends of rust-vmm, on the software processor. */
@Tag("soft")
class VhostDevicesTest {
    private static final int MIB = 1 << 20;

    @TempDir
    private Path directory;

    private static UnaryOperator<VmConfigBuilder> machine(DeviceType type, Peer peer) {
        return builder -> builder.cpus(2)
                .memoryMib(1024)
                .hypervisor(new HypervisorConfig("soft", null, null))
                .device(peer.device(type));
    }

    /** The kernel takes some for itself in between: what the guest reads are pieces of the file, each as long as its buffer. */
    @Test
    void entropyFromAFile() throws Exception {
        byte[] source = VirtioScenes.noise(11, MIB);
        Path file = Files.write(directory.resolve("noise"), source);
        String script = """
                mark "RNG $(cat /sys/class/misc/hw_random/rng_current)"
                for i in $(seq 64); do mark "PIECE $(dd if=/dev/hwrng bs=64 count=1 2>/dev/null | hexdump -v -e '/1 "%02x"')"; done
                """;
        try (Peer peer = VhostDevices.rng(directory, file);
                GuestSession guest = VirtioScenes.plain(
                        directory, script, List.of("virtio_pci", "virtio_rng"), machine(DeviceType.RNG, peer))) {
            assertThat(guest.awaitEnd())
                    .as("%s%n%s", guest.output(), peer.log())
                    .isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("RNG")).as(guest.output()).startsWith("virtio_rng");
            String all = HexFormat.of().formatHex(source);
            int at = 0;
            for (int i = 1; i <= 64; i++) {
                String piece = guest.awaitMarker("PIECE", i);
                assertThat(piece).as(guest.output()).isNotEmpty();
                int found = all.indexOf(piece, at);
                assertThat(found).as("piece %d: %s", i, guest.output()).isNotNegative();
                at = found + piece.length();
            }
        }
    }

    @Test
    void streamsBothWays() throws Exception {
        byte[] up = VirtioScenes.noise(12, 3 * MIB);
        byte[] down = VirtioScenes.noise(13, 3 * MIB);
        Path host = directory.resolve("vsock");
        Path tree = Guests.ofUser(line -> {}).programs("socat", "bookworm", "amd64", List.of("socat"));
        // The guest calls port 1000 of the host and gets bytes; then the host calls port 2000 of the guest, which
        // echoes.
        String script = """
                mount --bind /dev /srv/dev
                deb socat -u VSOCK-CONNECT:2:1000 CREATE:/tmp/down
                mark "DOWN $? $(sha256sum </srv/tmp/down)"
                deb socat VSOCK-LISTEN:2000 PIPE &
                wait $!
                mark "ECHOED $?"
                """;
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(host + "_1000"));
            CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> {
                try (SocketChannel guest = server.accept()) {
                    send(guest, down);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            try (Peer peer = VhostDevices.vsock(directory, 3, host);
                    GuestSession guest = VirtioScenes.withTree(
                            directory,
                            tree,
                            script,
                            List.of("virtio_pci", "vmw_vsock_virtio_transport"),
                            machine(DeviceType.VSOCK, peer))) {
                assertThat(guest.awaitMarker("DOWN")).startsWith("0 " + VirtioScenes.sha256(down));
                sent.get(1, TimeUnit.MINUTES);
                try (SocketChannel channel = call(host, 2000)) {
                    assertThat(VirtioScenes.sha256(echo(channel, up)))
                            .as("%s%n%s", guest.output(), peer.log())
                            .isEqualTo(VirtioScenes.sha256(up));
                }
                assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
                assertThat(guest.awaitMarker("ECHOED")).isEqualTo("0");
            }
        }
    }

    /** Calls a port of the guest, as often as needed until something listens there. */
    private static SocketChannel call(Path host, int port) throws Exception {
        long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
        while (true) {
            SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(host));
            channel.write(ByteBuffer.wrap(("CONNECT " + port + "\n").getBytes(StandardCharsets.US_ASCII)));
            StringBuilder answer = new StringBuilder();
            ByteBuffer one = ByteBuffer.allocate(1);
            while (channel.read(one) > 0 && one.get(0) != '\n') {
                answer.append((char) one.get(0));
                one.clear();
            }
            if (answer.indexOf("OK ") == 0) {
                return channel;
            }
            channel.close();
            assertThat(System.nanoTime()).as("answered with \"%s\"", answer).isLessThan(end);
            TimeUnit.MILLISECONDS.sleep(200);
        }
    }

    /** Sends bytes and meanwhile reads as many. */
    private static byte[] echo(SocketChannel channel, byte[] content) throws Exception {
        CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> send(channel, content));
        ByteBuffer received = ByteBuffer.allocate(content.length);
        while (received.hasRemaining() && channel.read(received) >= 0) {}
        sent.get(1, TimeUnit.MINUTES);
        return Arrays.copyOf(received.array(), received.position());
    }

    private static void send(SocketChannel channel, byte[] content) {
        ByteBuffer bytes = ByteBuffer.wrap(content);
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void anEventDeviceOfTheHost() throws Exception {
        Path device = Path.of("/dev/input/event0");
        assumeTrue(Files.isReadable(device), "the host shows no event device to this user: " + device);
        String name =
                Files.readString(Path.of("/sys/class/input/event0/device/name")).strip();
        String script = "for event in /sys/class/input/event*; do mark \"NAME $(cat $event/device/name)\"; done";
        try (Peer peer = VhostDevices.input(directory, device);
                GuestSession guest = VirtioScenes.plain(
                        directory, script, List.of("virtio_pci", "virtio_input"), machine(DeviceType.INPUT, peer))) {
            assertThat(guest.awaitEnd())
                    .as("%s%n%s", guest.output(), peer.log())
                    .isEqualTo(VmExit.STOP);
            assertThat(guest.output()).contains("@@ NAME " + name);
        }
    }
}
