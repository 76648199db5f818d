package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import jcrosvm.devices.net.NetConfig;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Linux's network driver and its TCP on the user-mode network, which needs no privileges. */
abstract class NetScenes {
    private static final List<String> NET = List.of("virtio_pci", "virtio_net", "af_packet");

    @TempDir
    private Path directory;

    abstract String hypervisor();

    UnaryOperator<VmConfigBuilder> machine(String net) {
        return machine(net, 256);
    }

    UnaryOperator<VmConfigBuilder> machine(String net, int mib) {
        return builder -> builder.cpus(2)
                .memoryMib(mib)
                .hypervisor(new HypervisorConfig(hypervisor(), null, null))
                .device(VirtioScenes.device(NetConfig.class, net));
    }

    private GuestSession guest(String script, String net) {
        return VirtioScenes.plain(directory, VirtioScenes.NETWORK_UP + script, NET, machine(net));
    }

    static int freePort() throws Exception {
        try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return probe.getLocalPort();
        }
    }

    @Test
    void addressGatewayAndForwardedPort() throws Exception {
        int port = freePort();
        String script = """
                ping -c 2 -W 5 10.0.2.2 >/dev/null; mark "PING $?"
                mark LISTENING
                nc -l -p 22 -e cat
                mark "CLOSED $?"
                """;
        try (GuestSession guest = guest(script, "user,hostfwd=[tcp:127.0.0.1:" + port + "-:22]")) {
            assertThat(guest.awaitMarker("LEASE")).isEqualTo("10.0.2.15 10.0.2.2 10.0.2.3");
            assertThat(guest.awaitMarker("PING")).isEqualTo("0");
            guest.awaitMarker("LISTENING");
            assertThat(echo(port)).isEqualTo("hello\n");
            assertThat(guest.awaitMarker("CLOSED")).isEqualTo("0");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
    }

    /** The guest may not listen yet: its refusal closes our connection, so try again. */
    private static String echo(int port) throws Exception {
        for (int i = 0; i < 100; i++) {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                socket.getOutputStream().write("hello\n".getBytes(StandardCharsets.UTF_8));
                socket.shutdownOutput();
                String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                if (!answer.isEmpty()) {
                    return answer;
                }
            } catch (java.io.IOException refused) {
                assertThat(refused).isNotNull();
            }
            Thread.sleep(100);
        }
        return "";
    }

    @Test
    void theHostsOwnPortsAreClosedUnlessAsked() throws Exception {
        try (ServerSocket server = new ServerSocket()) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            String connect = "nc -w 5 10.0.2.2 " + server.getLocalPort()
                    + " </dev/null >/tmp/out 2>&1; mark \"GOT $(cat /tmp/out)\"";
            CompletableFuture<Void> service = CompletableFuture.runAsync(() -> {
                try (Socket client = server.accept()) {
                    client.getOutputStream().write("secret\n".getBytes(StandardCharsets.UTF_8));
                } catch (java.io.IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
            try (GuestSession guest = guest(connect, "user")) {
                assertThat(guest.awaitMarker("GOT")).doesNotContain("secret");
            }
            assertThat(service).isNotDone();
            try (GuestSession guest = guest(connect, "user,host-loopback=allow")) {
                assertThat(guest.awaitMarker("GOT")).contains("secret");
            }
        }
    }
}
