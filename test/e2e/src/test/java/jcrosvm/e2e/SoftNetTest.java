package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import jcrosvm.vmm.VmExit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Networks on the software processor, and what is too heavy for emulated KVM. */
@Tag("soft")
class SoftNetTest extends NetScenes {
    private static final List<String> NET = List.of("virtio_pci", "virtio_net", "af_packet", "sch_netem");
    private static final int SIZE = 6 << 20;

    @TempDir
    private Path directory;

    @Override
    String hypervisor() {
        return "soft";
    }

    @Test
    void bulkDataBothWaysWithAndWithoutLoss() throws Exception {
        Path programs = VirtioScenes.networkPrograms();
        byte[] content = VirtioScenes.noise(11, SIZE);
        String hash = VirtioScenes.sha256(content);
        try (ServerSocket server = new ServerSocket()) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            String script = """
                    for loss in 0 2; do
                        [ $loss = 0 ] || deb /usr/sbin/tc qdisc add dev eth0 root netem loss $loss% || mark "NO NETEM"
                        nc 10.0.2.2 PORT </dev/null >/tmp/data
                        mark "DOWN $(sha256sum </tmp/data)"
                        nc 10.0.2.2 PORT </tmp/data >/tmp/answer
                        mark "UP $(cat /tmp/answer)"
                    done
                    mark "DROPPED $(deb /usr/sbin/tc -s qdisc show dev eth0 | sed -n 's/.*(dropped \\([0-9]*\\),.*/\\1/p')"
                    """.replace("PORT", Integer.toString(server.getLocalPort()));
            CompletableFuture<Void> service = CompletableFuture.runAsync(
                    () -> serve(server, content),
                    task -> Thread.ofPlatform().daemon().start(task));
            try (GuestSession guest = VirtioScenes.withTree(
                    directory,
                    programs,
                    VirtioScenes.NETWORK_UP + script,
                    NET,
                    machine("user,host-loopback=allow", 512))) {
                for (int round = 1; round <= 2; round++) {
                    assertThat(guest.awaitMarker("DOWN", round)).startsWith(hash);
                    assertThat(guest.awaitMarker("UP", round)).isEqualTo(hash);
                }
                assertThat(guest.output()).doesNotContain("NO NETEM");
                assertThat(Integer.parseInt(guest.awaitMarker("DROPPED"))).isPositive();
                assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
            }
            service.get();
        }
    }

    @Test
    void iperfBothWays() throws Exception {
        int port = freePort();
        Process server = VirtioScenes.iperfServer(port);
        try (GuestSession guest = VirtioScenes.withTree(
                directory,
                VirtioScenes.networkPrograms(),
                VirtioScenes.NETWORK_UP + VirtioScenes.iperfBothWays("10.0.2.2", port),
                NET,
                machine("user,host-loopback=allow", 512))) {
            for (int way = 1; way <= 2; way++) {
                assertThat(Long.parseLong(guest.awaitMarker("IPERF", way))).isGreaterThan(1_000_000);
            }
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        } finally {
            server.destroy();
        }
    }

    /** Two rounds of: give the content; take it back and answer with its hash. */
    private static void serve(ServerSocket server, byte[] content) {
        try {
            for (int round = 0; round < 2; round++) {
                try (Socket down = server.accept();
                        OutputStream out = down.getOutputStream()) {
                    out.write(content);
                }
                try (Socket up = server.accept();
                        InputStream in = up.getInputStream()) {
                    String hash = VirtioScenes.sha256(in.readNBytes(content.length));
                    up.getOutputStream().write(hash.getBytes(StandardCharsets.UTF_8));
                }
            }
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
