package jcrosvm.e2e;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import jcrosvm.guest.Guests;

/** The vhost-device backends of rust-vmm, as tools/peers builds them. Tests that need one are skipped without it. */
final class VhostDevices {
    private VhostDevices() {}

    /** Entropy that is read from a file. */
    static Peer rng(Path directory, Path source) throws IOException, InterruptedException {
        return numbered(directory, "rng", "--rng-source", source.toString());
    }

    /** A console whose other end is a connection to a TCP port of this host. */
    static Peer console(Path directory, int port) throws IOException, InterruptedException {
        return numbered(directory, "console", "--backend", "network", "--tcp-port", Integer.toString(port));
    }

    /** An event device of the host. */
    static Peer input(Path directory, Path device) throws IOException, InterruptedException {
        return numbered(directory, "input", "--event-list", device.toString());
    }

    /**
     * Stream sockets.
     *
     * @param host where the guest is reached; with an underscore and a port's number, where the guest reaches this host
     */
    static Peer vsock(Path directory, int cid, Path host) throws IOException, InterruptedException {
        return peer(
                directory, "vsock", "--guest-cid", Integer.toString(cid), "--uds-path", host.toString(), "--socket");
    }

    /** Disks behind a SCSI controller, which cannot be written to. */
    static Peer scsi(Path directory, Path... images) throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>(List.of("--read-only"));
        Stream.of(images).map(Path::toString).forEach(arguments::add);
        arguments.add("--socket-path");
        return peer(directory, "scsi", arguments.toArray(String[]::new));
    }

    /** A sensor that is not there, behind SCMI. The backend watches its standard output, which must not be a file. */
    static Peer scmi(Path directory, String name) throws IOException, InterruptedException {
        Path socket = directory.resolve("peer.sock");
        List<String> command = List.of(
                "bash",
                "-c",
                "exec \"$@\" > >(cat)",
                "bash",
                program("scmi"),
                "--device",
                "fake,name=" + name,
                "--socket-path",
                socket.toString());
        return new Peer(directory, command, socket);
    }

    /** A backend that appends a number to the path of its socket. */
    private static Peer numbered(Path directory, String kind, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(program(kind)));
        command.addAll(List.of(arguments));
        command.addAll(List.of("--socket-path", directory.resolve("peer.sock").toString()));
        return new Peer(directory, command, directory.resolve("peer.sock0"));
    }

    /** @param arguments to which the socket's path is added */
    private static Peer peer(Path directory, String kind, String... arguments)
            throws IOException, InterruptedException {
        Path socket = directory.resolve("peer.sock");
        List<String> command = new ArrayList<>(List.of(program(kind)));
        command.addAll(List.of(arguments));
        command.add(socket.toString());
        return new Peer(directory, command, socket);
    }

    /** The program that tools/peers has built; it has only one version of each there. */
    private static String program(String kind) throws IOException {
        String name = "vhost-device-" + kind;
        Path home = Guests.defaultDirectory().resolve("peers");
        List<Path> found = List.of();
        if (Files.isDirectory(home)) {
            try (Stream<Path> folders = Files.list(home)) {
                found = folders.filter(folder -> folder.getFileName().toString().startsWith(name + "-"))
                        .map(folder -> folder.resolve("bin").resolve(name))
                        .filter(Files::isExecutable)
                        .toList();
            }
        }
        assumeTrue(!found.isEmpty(), name + " is not there: run tools/peers");
        return found.getFirst().toString();
    }
}
