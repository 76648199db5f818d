package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.function.UnaryOperator;
import jcrosvm.base.Libc;
import jcrosvm.devices.net.NetConfig;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Linux's network driver on a tap, Linux's own stack at the other end, in a network namespace. */
@Tag("soft")
class SoftTapTest {
    private static final int CLONE_NEWNET = 0x40000000;
    private static final int SIZE = 16 << 20;
    private static final List<String> MODULES = List.of("virtio_pci", "virtio_net");
    private static final String ADDRESSES = "host-ip=10.99.0.1,netmask=255.255.255.0,mac=02:00:00:00:00:05";

    @TempDir
    private Path directory;

    /** The host's half: gives the content, takes it back, answers with its hash. */
    private static void serve(ServerSocket server, byte[] content) throws Exception {
        try (Socket down = server.accept();
                OutputStream out = down.getOutputStream()) {
            out.write(content);
        }
        try (Socket up = server.accept()) {
            String hash = VirtioScenes.sha256(up.getInputStream().readNBytes(content.length));
            up.getOutputStream().write(hash.getBytes(StandardCharsets.UTF_8));
        }
    }

    private static UnaryOperator<VmConfigBuilder> machine(String options) {
        return builder -> builder.cpus(2)
                .memoryMib(512)
                .hypervisor(new HypervisorConfig("soft", null, null))
                .device(VirtioScenes.device(NetConfig.class, ADDRESSES + options));
    }

    private void transfer(String options) throws Exception {
        byte[] content = VirtioScenes.noise(12, SIZE);
        String hash = VirtioScenes.sha256(content);
        try (ServerSocket server = new ServerSocket()) {
            FutureTask<Void> service = new FutureTask<>(() -> {
                serve(server, content);
                return null;
            });
            String script = """
                    ip addr add 10.99.0.2/24 dev eth0
                    ip link set eth0 up
                    mark "MAC $(cat /sys/class/net/eth0/address) $(cat /sys/class/net/eth0/mtu)"
                    ping -c 2 -W 5 10.99.0.1 >/dev/null; mark "PING $?"
                    nc 10.99.0.1 5000 </dev/null >/tmp/data
                    mark "DOWN $(sha256sum </tmp/data)"
                    nc 10.99.0.1 5000 </tmp/data >/tmp/answer
                    mark "UP $(cat /tmp/answer)"
                    """;
            try (GuestSession guest = VirtioScenes.plain(directory, script, MODULES, machine(options))) {
                server.bind(new java.net.InetSocketAddress(InetAddress.getByAddress(new byte[] {10, 99, 0, 1}), 5000));
                Thread.ofPlatform().daemon().start(service);
                assertThat(guest.awaitMarker("MAC")).startsWith("02:00:00:00:00:05 1400");
                assertThat(guest.awaitMarker("PING")).isEqualTo("0");
                assertThat(guest.awaitMarker("DOWN")).startsWith(hash);
                assertThat(guest.awaitMarker("UP")).isEqualTo(hash);
                assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
            }
            service.get();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ",mrg-rxbuf=false", ",packed-queue", ",vq-pairs=2"})
    void bulkDataBothWays(String options) throws Exception {
        inNamespace(() -> transfer(",mtu=1400" + options));
    }

    /** Several connections over two pairs of queues, which both have work. */
    @Test
    void iperfOverTwoPairs() throws Exception {
        String script = """
                ip addr add 10.99.0.2/24 dev eth0
                ip link set eth0 up
                """ + VirtioScenes.iperfBothWays("10.99.0.1", 5201) + """
                for queue in input.0 output.0 input.1 output.1; do
                    mark "$queue $(awk -v q="-$queue$" '$NF ~ q { print $2 + $3 }' /proc/interrupts)"
                done
                """;
        Path programs = VirtioScenes.networkPrograms(); // there is no way to them from the namespace
        inNamespace(() -> {
            try (GuestSession guest =
                    VirtioScenes.withTree(directory, programs, script, MODULES, machine(",vq-pairs=2"))) {
                Process server = VirtioScenes.iperfServer(5201);
                try {
                    for (int way = 1; way <= 2; way++) {
                        assertThat(Long.parseLong(guest.awaitMarker("IPERF", way)))
                                .isGreaterThan(1_000_000);
                    }
                    for (String queue : List.of("input.0", "output.0", "input.1", "output.1")) {
                        assertThat(Integer.parseInt(guest.awaitMarker(queue)))
                                .as(queue)
                                .isPositive();
                    }
                    assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
                } finally {
                    server.destroy();
                }
            }
        });
    }

    @Test
    void sshReachesTheGuest() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/ssh-keygen")), "ssh is not installed: openssh-client");
        Path programs = VirtioScenes.sshServer();
        Path key = directory.resolve("key");
        command(List.of("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key.toString()), Path.of("/dev/null"));
        Path content = Files.write(directory.resolve("content"), VirtioScenes.noise(13, 4 << 20));
        String script = """
                ip addr add 10.99.0.2/24 dev eth0
                ip link set eth0 up
                mkdir -p /srv/root/.ssh /srv/etc/dropbear /srv/bin
                cp /bin/busybox /srv/bin/sh
                cp /bin/busybox /srv/bin/sha256sum
                echo root::0:0::/root:/bin/sh >/srv/etc/passwd
                echo 'KEY' >/srv/root/.ssh/authorized_keys
                chmod -R go= /srv/root
                deb dropbear -R -E
                serve
                """.replace(
                        "KEY", Files.readString(directory.resolve("key.pub")).strip());
        inNamespace(() -> {
            try (GuestSession guest = VirtioScenes.withTree(directory, programs, script, MODULES, machine(""))) {
                guest.awaitMarker("SERVING");
                String answer = command(
                        List.of(
                                "ssh",
                                "-q",
                                "-i",
                                key.toString(),
                                "-o",
                                "StrictHostKeyChecking=no",
                                "-o",
                                "UserKnownHostsFile=/dev/null",
                                "root@10.99.0.2",
                                "sha256sum"),
                        content);
                assertThat(answer).startsWith(VirtioScenes.sha256(Files.readAllBytes(content)));
                guest.type("end");
                assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
            }
        });
    }

    private static String command(List<String> words, Path input) throws Exception {
        Process process = new ProcessBuilder(words)
                .redirectInput(input.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    private interface Scene {
        void play() throws Exception;
    }

    /** Threads, processes and taps are born into the namespace of the thread that makes them. */
    private static void inNamespace(Scene scene) throws Exception {
        assumeTrue(Files.exists(Path.of("/dev/net/tun")), "there is no /dev/net/tun");
        FutureTask<Boolean> task = new FutureTask<>(() -> {
            if (Libc.UNSHARE.callInt(CLONE_NEWNET) != 0) {
                return false;
            }
            scene.play();
            return true;
        });
        Thread.ofPlatform().start(task);
        assumeTrue(task.get(), "a network namespace needs CAP_SYS_ADMIN");
    }
}
