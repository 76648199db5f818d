package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.VmmException;
import jcrosvm.guest.Guests;
import jcrosvm.vhostuser.frontend.DeviceType;
import jcrosvm.vhostuser.frontend.VhostUserConfig;

/** A vhost-user backend in a process. Tests that need one of another project are skipped where it cannot be had. */
final class Peer implements AutoCloseable {
    private static final Path STORAGE_DAEMON = Path.of("/usr/bin/qemu-storage-daemon");
    private static final long LIMIT_SECONDS = 60;
    private static final int CONNECT_MILLIS = 5000;

    private final List<String> command;
    private final Path socket;
    private final Path log;
    private Process process;

    Peer(Path directory, List<String> command, Path socket) throws IOException, InterruptedException {
        this.command = command;
        this.socket = socket;
        log = directory.resolve("peer.log");
        process = start();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (!Files.exists(socket) && process.isAlive() && System.nanoTime() < end) {
            TimeUnit.MILLISECONDS.sleep(10);
        }
        assertThat(socket).as(log()).exists();
    }

    private Process start() throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
        builder.environment().put("JCROSVM_BUILD", "never");
        return builder.start();
    }

    /** Kills it, and starts it again after a while. */
    void killAndRestart(long millis) throws IOException, InterruptedException {
        process.destroyForcibly().waitFor();
        TimeUnit.MILLISECONDS.sleep(millis);
        process = start();
    }

    /** The disk of {@code jcrosvm device block}. */
    static Peer ownBlock(Path directory, String config) throws IOException, InterruptedException {
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
        Path socket = directory.resolve("peer.sock");
        String program = SourceTree.ROOT.resolve("jcrosvm").toString();
        return new Peer(
                directory,
                List.of(program, "device", "block", "--config", config, "--socket-path", socket.toString()),
                socket);
    }

    /** QEMU's storage daemon, which serves a raw image as a disk. */
    static Peer storageDaemon(Path directory, Path image) throws IOException, InterruptedException {
        assumeTrue(Files.isExecutable(STORAGE_DAEMON), "qemu-storage-daemon is not installed (package qemu-utils)");
        Path socket = directory.resolve("peer.sock");
        List<String> command = List.of(
                STORAGE_DAEMON.toString(),
                "--blockdev",
                "driver=file,node-name=file,filename=" + image,
                "--blockdev",
                "driver=raw,node-name=disk,file=file",
                "--export",
                "type=vhost-user-blk,id=export,node-name=disk,writable=on,num-queues=2,addr.type=unix,addr.path="
                        + socket);
        return new Peer(directory, command, socket);
    }

    /** The virtio-fs daemon, which serves a folder. */
    static Peer virtiofsd(Path directory, Path folder, String tag) throws IOException, InterruptedException {
        Path socket = directory.resolve("peer.sock");
        List<String> command = debian("usr/libexec/virtiofsd");
        command.addAll(List.of(
                "--socket-path=" + socket,
                "--shared-dir=" + folder,
                "--tag=" + tag,
                "--sandbox=none",
                "--seccomp=none"));
        return new Peer(directory, command, socket);
    }

    /** A user network of its own; the gateway's address is this host. */
    static Peer passt(Path directory) throws IOException, InterruptedException {
        Path socket = directory.resolve("peer.sock");
        List<String> command = debian("usr/bin/passt");
        command.addAll(List.of("--vhost-user", "--foreground", "--runas", "0", "--socket", socket.toString()));
        return new Peer(directory, command, socket);
    }

    /** A program of Debian trixie, run with its own libraries. */
    private static List<String> debian(String program) {
        Path tree;
        try {
            tree = Guests.ofUser(line -> {}).programs("peers-trixie", "trixie", "amd64", List.of("passt", "virtiofsd"));
        } catch (VmmException e) {
            assumeTrue(false, "Debian's package cannot be fetched: " + e.getMessage());
            throw e;
        }
        return new ArrayList<>(List.of(
                tree.resolve("usr/lib64/ld-linux-x86-64.so.2").toString(),
                "--library-path",
                tree.resolve("usr/lib/x86_64-linux-gnu").toString(),
                tree.resolve(program).toString()));
    }

    Path socket() {
        return socket;
    }

    /** A device with this backend, which may not listen at its socket quite yet. */
    VhostUserConfig device(DeviceType type) {
        return new VhostUserConfig(type, socket, null, null, null, CONNECT_MILLIS);
    }

    String log() throws IOException {
        return Files.readString(log);
    }

    /** Sends a signal by name, such as STOP. */
    void signal(String name) throws IOException, InterruptedException {
        Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start();
        assertThat(kill.waitFor()).isZero();
    }

    @Override
    public void close() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }
}
