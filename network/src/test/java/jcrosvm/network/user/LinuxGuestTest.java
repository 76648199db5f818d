package jcrosvm.network.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Linux as the guest: its own stack in a network namespace, with the user network behind its tap. */
@Tag("long")
class LinuxGuestTest {
    private static final int LENGTH = 8 << 20;
    private static final int TIMEOUT_SECONDS = 60;

    @TempDir
    private Path folder;

    private final String namespace = "jcu" + ProcessHandle.current().pid();

    @BeforeAll
    static void needsRootAndTaps() {
        assumeTrue("root".equals(System.getProperty("user.name")), "needs root, to make a network namespace");
        assumeTrue(Files.isWritable(Path.of("/dev/net/tun")), "needs /dev/net/tun");
        for (String tool : List.of("/usr/sbin/ip", "/usr/bin/busybox")) {
            assumeTrue(Files.isExecutable(Path.of(tool)), "needs " + tool);
        }
    }

    private Process start(String command) throws IOException {
        return new ProcessBuilder("ip", "netns", "exec", namespace, "sh", "-c", command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("output").toFile())
                .start();
    }

    private static void ends(Process process) throws InterruptedException {
        boolean ended = process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        process.destroyForcibly();
        assertThat(ended).as("ends in time").isTrue();
    }

    private String run(String command) throws IOException, InterruptedException {
        Process process = start(command);
        ends(process);
        return Files.readString(folder.resolve("output"));
    }

    private static void host(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).inheritIO().start();
        assertThat(process.waitFor()).as(String.join(" ", command)).isZero();
    }

    @ParameterizedTest(name = "offloads {0}, loss {1}")
    @CsvSource({"true, 0", "false, 0.01"})
    void worksWithTheUsersTools(boolean offloads, double loss) throws Exception {
        UserNetworkConfig d = UserNetworkConfig.defaults();
        UserNetworkConfig config = new UserNetworkConfig(
                List.of("tcp:127.0.0.1:0-:5000"),
                d.net(),
                d.ipv6Net(),
                null,
                null,
                null,
                "penguin",
                false,
                UserNetworkConfig.HostLoopback.ALLOW,
                1500);
        host("ip", "netns", "add", namespace);
        try (UserNetwork network = UserNetwork.open(config);
                TapPump pump = new TapPump(network, namespace, offloads, loss)) {
            pump.start();
            host("ip", "link", "set", namespace, "netns", namespace);
            addresses();
            byte[] data = new byte[LENGTH];
            new Random(7).nextBytes(data);
            Files.write(folder.resolve("data"), data);
            for (String gateway : List.of("10.0.2.2", "fec0::2")) {
                assertThat(run("busybox ping -c 9 -i 0.05 -W 2 " + gateway)).contains("bytes from " + gateway);
                fetch(gateway, data);
                give(gateway, data);
            }
            forward(network.tcpPorts().getFirst(), data);
        } finally {
            host("ip", "netns", "del", namespace);
        }
    }

    private void addresses() throws Exception {
        run("ip link set lo up; ip link set " + namespace + " up");
        Path script = folder.resolve("script");
        Files.writeString(script, """
                #!/bin/sh
                [ "$1" = bound ] || exit 0
                ip addr add $ip/$mask dev $interface
                ip link set $interface mtu $mtu
                ip route add default via $router
                echo "$hostname $dns" > lease
                """);
        script.toFile().setExecutable(true);
        String said = run("busybox udhcpc -f -q -n -t 10 -T 1 -O mtu -O hostname -i " + namespace + " -s " + script);
        assertThat(said).contains("lease of 10.0.2.15 obtained from 10.0.2.2");
        assertThat(folder.resolve("lease")).hasContent("penguin 10.0.2.3");
        String v6 = "";
        for (int i = 0; i < 100 && (!v6.contains("inet6 fec0::") || v6.contains("tentative")); i++) {
            Thread.sleep(100);
            v6 = run("ip -6 addr show dev " + namespace);
        }
        assertThat(v6).contains("inet6 fec0::");
        assertThat(run("ip -6 route")).contains("default via fe80::2");
    }

    private static ServerSocket listen(String gateway) throws IOException {
        return new ServerSocket(0, 5, InetAddress.ofLiteral(gateway.contains(":") ? "::1" : "127.0.0.1"));
    }

    private void fetch(String gateway, byte[] data) throws Exception {
        try (ServerSocket server = listen(gateway)) {
            Process guest = start("busybox nc " + gateway + " " + server.getLocalPort() + " > copy < /dev/null");
            try (Socket socket = server.accept();
                    OutputStream out = socket.getOutputStream()) {
                out.write(data);
            }
            ends(guest);
            assertThat(Files.readAllBytes(folder.resolve("copy"))).isEqualTo(data);
        }
    }

    private void give(String gateway, byte[] data) throws Exception {
        try (ServerSocket server = listen(gateway)) {
            Process guest = start("busybox nc " + gateway + " " + server.getLocalPort() + " < data");
            try (Socket socket = server.accept();
                    InputStream in = socket.getInputStream()) {
                socket.setSoTimeout(TIMEOUT_SECONDS * 1000);
                assertThat(in.readAllBytes()).isEqualTo(data);
            }
            ends(guest);
        }
    }

    private void forward(int port, byte[] data) throws Exception {
        Process guest = start("busybox nc -l -p 5000 > copy < /dev/null");
        // Until the server listens, the guest refuses: then the host's peer is refused as well, with a reset.
        for (int i = 0; ; i++) {
            try (Socket socket = new Socket(InetAddress.ofLiteral("127.0.0.1"), port)) {
                socket.getOutputStream().write(data);
                socket.shutdownOutput();
                socket.getInputStream().readAllBytes();
                break;
            } catch (IOException e) {
                assertThat(i).as("tries").isLessThan(50);
                Thread.sleep(100);
            }
        }
        ends(guest);
        assertThat(Files.readAllBytes(folder.resolve("copy"))).isEqualTo(data);
    }
}
