package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.Guests;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.vmm.config.VmConfigBuilder;

/** What the tests of virtio devices share: guests with Linux's drivers and programs, and disk images. */
final class VirtioScenes {
    /** In the guest: {@code deb PROGRAM ARGUMENTS...} runs a program of Debian. */
    static final String PROGRAMS = """
            mkdir -p /srv/proc /srv/dev /srv/sys /srv/tmp /srv/mnt /srv/run
            mount -t proc proc /srv/proc
            mount --bind /dev /srv/dev
            mount --bind /sys /srv/sys
            mount -t tmpfs tmp /srv/tmp
            deb() { PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot /srv "$@"; }
            """;

    /** In the guest: asks for an address and takes it; the lease's marker. */
    static final String NETWORK_UP = """
            cat >/tmp/lease <<'END'
            #!/bin/sh
            [ "$1" = bound ] || exit 0
            ip addr add $ip/24 dev $interface
            ip route add default via $router
            echo "nameserver $dns" >/etc/resolv.conf
            echo "@@ LEASE $ip $router $dns"
            END
            chmod +x /tmp/lease
            ip link set lo up
            ip link set eth0 up
            udhcpc -i eth0 -s /tmp/lease -q -n 2>/dev/null
            """;

    private static final Guests GUESTS = Guests.ofUser(line -> {});

    private VirtioScenes() {}

    static Path programs() {
        return GUESTS.programs("virtio", "bookworm", "amd64", List.of("fio", "e2fsprogs", "xfsprogs", "btrfs-progs"));
    }

    /** Traffic control, which busybox has without netem, and iperf3. */
    static Path networkPrograms() {
        return GUESTS.programs("network", "bookworm", "amd64", List.of("iproute2", "iperf3"));
    }

    /** A small ssh server. */
    static Path sshServer() {
        return GUESTS.programs("ssh", "bookworm", "amd64", List.of("dropbear-bin"));
    }

    /**
     * Starts iperf3's server in the network namespace of the calling thread. Skips the test where there is none.
     *
     * @param port at all addresses
     */
    static Process iperfServer(int port) throws IOException, InterruptedException {
        Path program = Path.of("/usr/bin/iperf3");
        assumeTrue(Files.isExecutable(program), "iperf3 is not installed");
        Process server = new ProcessBuilder(program.toString(), "-s", "-p", Integer.toString(port), "--forceflush")
                .redirectErrorStream(true)
                .start();
        java.io.BufferedReader output = server.inputReader();
        String line;
        do {
            line = output.readLine();
        } while (line != null && !line.contains("listening"));
        assertThat(line).as("iperf3's server").isNotNull();
        Thread.ofPlatform().daemon().start(() -> drain(output));
        return server;
    }

    private static void drain(java.io.BufferedReader output) {
        try (output) {
            output.transferTo(java.io.Writer.nullWriter());
        } catch (IOException e) {
            assertThat(e).hasMessage("Stream closed"); // by the process' end
        }
    }

    /** In the guest: iperf3 up and down, several connections at once; the marker IPERF and bits per second of each. */
    static String iperfBothWays(String host, int port) {
        return """
                for way in '' -R; do
                    deb iperf3 -c HOST -p PORT -t 2 -P 4 -J $way >/tmp/iperf || cat /tmp/iperf
                    mark "IPERF $(grep -A 9 '"sum_received"' /tmp/iperf | sed -n 's/.*"bits_per_second":[^0-9]*\\([0-9]*\\).*/\\1/p')"
                done
                """.replace("HOST", host).replace("PORT", Integer.toString(port));
    }

    /** A guest whose script has the programs. */
    static GuestSession withPrograms(
            Path directory, String script, List<String> modules, UnaryOperator<VmConfigBuilder> machine) {
        return withTree(directory, programs(), script, modules, machine);
    }

    /** A guest whose script has a tree of programs. */
    static GuestSession withTree(
            Path directory, Path tree, String script, List<String> modules, UnaryOperator<VmConfigBuilder> machine) {
        return new GuestSession(
                directory,
                DebianKernel.CLOUD_6_12,
                PROGRAMS + script,
                image -> image.modules(modules.toArray(String[]::new)).tree("/srv", tree),
                machine);
    }

    /** A guest with busybox alone, which starts faster. */
    static GuestSession plain(
            Path directory, String script, List<String> modules, UnaryOperator<VmConfigBuilder> machine) {
        return new GuestSession(
                directory,
                DebianKernel.CLOUD_6_12,
                script,
                image -> image.modules(modules.toArray(String[]::new)),
                machine);
    }

    static <T extends DeviceConfig> T device(Class<T> type, String options) {
        return RecordBinder.bind(KeyValueParser.parse(options), type);
    }

    static BlockConfig block(String options) {
        return device(BlockConfig.class, options);
    }

    /** Bytes that do not repeat. */
    static byte[] noise(long seed, int length) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    static String sha256(byte[] content) throws Exception {
        return HexFormat.of()
                .formatHex(java.security.MessageDigest.getInstance("SHA-256").digest(content));
    }

    /** Runs qemu-img; what it prints. Skips the test where there is none. */
    static String qemuImg(String... arguments) throws IOException, InterruptedException {
        assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/qemu-img")),
                "qemu-img is not installed: it comes with qemu-utils");
        List<String> command = new java.util.ArrayList<>(List.of("qemu-img"));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output).isZero();
        return output;
    }
}
