package jcrosvm.guest;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.ThreadScope;
import org.jspecify.annotations.Nullable;

/** Has the packages on a disk set up by a machine that boots from it, and watches its console. */
final class DiskSetup {
    private static final String PACKAGE = "Setting up ";
    private static final String DONE = "@@ SET-UP";
    private static final String FAILED = "@@ FAILED ";
    private static final long CONSOLE_MILLIS = 10_000;

    private final Steps steps;
    private final Path log;

    private volatile boolean done;
    private volatile @Nullable String failure;

    /**
     * Prepares it.
     *
     * @param packages how many there are
     * @param log gets what the machine prints
     * @param progress gets a line now and then
     */
    DiskSetup(int packages, Path log, Consumer<String> progress) {
        this.steps = new Steps(packages, "set up", progress);
        this.log = log;
    }

    /**
     * Runs the machine to its end.
     *
     * @throws VmmException unless everything was set up
     */
    void run(SetupMachine machine, GuestImage guest, Path disk) {
        try {
            // The path of a socket must be short, which that of a cache may not be.
            Path directory = Files.createTempDirectory("jcrosvm-setup-");
            Path socket = directory.resolve("console");
            try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                server.bind(UnixDomainSocketAddress.of(socket));
                Thread reader = ThreadScope.current().start("setup-console", () -> read(server));
                machine.run(guest, disk, socket);
                reader.join(CONSOLE_MILLIS);
            } finally {
                AtomicFiles.deleteTree(directory);
            }
        } catch (IOException e) {
            throw new VmmException("cannot watch the setting up of the disk: " + AtomicFiles.reason(e), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new VmmException("interrupted while the disk was set up", e);
        }
        if (!done) {
            String reason = failure == null ? "the machine ended early" : failure;
            throw new VmmException("the disk could not be set up: " + reason + " (what it printed is in " + log + ")");
        }
    }

    private void read(ServerSocketChannel server) {
        try (SocketChannel console = server.accept();
                BufferedReader lines = new BufferedReader(
                        new InputStreamReader(Channels.newInputStream(console), StandardCharsets.UTF_8));
                PrintWriter copy = new PrintWriter(Files.newBufferedWriter(log))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                copy.println(line);
                copy.flush();
                line(line);
            }
        } catch (ClosedChannelException _) {
            // The machine never started, and says why.
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void line(String line) {
        if (line.startsWith(PACKAGE)) {
            steps.next();
        } else if (line.startsWith(DONE)) {
            done = true;
        } else if (line.startsWith(FAILED)) {
            failure = line.substring(FAILED.length());
        }
    }
}
