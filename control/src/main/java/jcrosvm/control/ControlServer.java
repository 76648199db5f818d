package jcrosvm.control;

import static java.lang.System.Logger.Level.ERROR;
import static java.lang.System.Logger.Level.WARNING;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.vmm.VmControl;
import org.jspecify.annotations.Nullable;

/**
 * The listening end of a control socket. Requests are carried out one at a time on the server's own thread; a client can
 * neither end it nor, by not reading its replies, hold it up.
 */
public final class ControlServer implements AutoCloseable {
    /** Longest request in bytes. */
    private static final int MAX_PACKET = 64 << 10;
    /** Connections at one time; more are closed at once. */
    private static final int MAX_CLIENTS = 128;
    // Descriptors of clients come from what the whole VM needs: none left is no reason to stop serving the others.
    private static final int ACCEPT_PAUSE_MILLIS = 100;

    private static final System.Logger LOG = System.getLogger("control");

    private final Path path;
    private final UnixSocket listener;
    private final Poller poller = new Poller();
    private final EventFd quit = new EventFd();
    private final List<UnixSocket> clients = new ArrayList<>();
    private @Nullable Thread thread;
    private volatile boolean stopping;

    private ControlServer(Path path, UnixSocket listener) {
        this.path = path;
        this.listener = listener;
    }

    /**
     * Takes a path; requests wait until {@link #serve}. A socket that nobody listens on any more is replaced.
     *
     * @param path of the socket; in a directory it becomes {@code jcrosvm-PID.sock}
     * @throws VmmException when the path is in use or too long
     */
    public static ControlServer listen(Path path) {
        Path socket = path.toFile().isDirectory()
                ? path.resolve("jcrosvm-" + ProcessHandle.current().pid() + ".sock")
                : path;
        return new ControlServer(socket, UnixSocket.listen(socket, UnixSocket.Type.SEQPACKET));
    }

    /** Where clients connect. */
    public Path path() {
        return path;
    }

    /** Starts to answer. Once only. */
    public void serve(VmControl vm) {
        listener.fd().nonBlocking(true);
        poller.add(listener.fd(), Poller.READABLE, events -> accept(vm));
        poller.add(quit.fd(), Poller.READABLE, events -> quit.drain());
        thread = Thread.ofPlatform().name("control").daemon().start(this::loop);
    }

    private void loop() {
        while (!stopping) {
            poller.poll(-1);
        }
    }

    private void accept(VmControl vm) {
        UnixSocket client;
        try {
            client = listener.accept();
        } catch (OsException e) {
            if (e.errno() == Errno.EMFILE || e.errno() == Errno.ENFILE) {
                LOG.log(WARNING, "control socket: no descriptor left for a client");
                // The listener stays readable: without a pause this would be a busy loop.
                Poller.await(quit.fd(), Poller.READABLE, ACCEPT_PAUSE_MILLIS);
            }
            // Anything else is a client that left before it was taken.
            return;
        }
        if (clients.size() == MAX_CLIENTS) {
            LOG.log(WARNING, "control socket: too many clients");
            client.close();
            return;
        }
        client.fd().nonBlocking(true);
        clients.add(client);
        poller.add(client.fd(), Poller.READABLE, events -> answer(client, vm));
    }

    private void answer(UnixSocket client, VmControl vm) {
        if (!client.fd().isOpen()) {
            return;
        }
        try {
            UnixSocket.Message message = client.receive(MAX_PACKET);
            if (message == null) {
                return;
            }
            // No request of ours carries descriptors.
            message.fds().forEach(Fd::close);
            if (message.endOfStream()) {
                drop(client);
                return;
            }
            Request request = message.truncated()
                    ? new Request.Malformed("packet of more than " + MAX_PACKET + " bytes")
                    : RequestCodec.decode(message.data());
            if (request == Request.Command.EXIT) {
                // The client learns of it first: afterwards this process may be gone.
                client.send(new Reply.Ok().encode());
                vm.stop();
            } else {
                client.send(carryOut(request, vm).encode());
            }
        } catch (OsException e) {
            drop(client);
        }
    }

    private static Reply carryOut(Request request, VmControl vm) {
        try {
            switch (request) {
                case Request.Command command -> perform(command, vm);
                case Request.Unsupported(String name) -> {
                    LOG.log(WARNING, "control socket: " + name + " is not supported");
                    return new Reply.Err(Errno.ENOTSUP);
                }
                case Request.Malformed(String reason) -> {
                    LOG.log(WARNING, "control socket: bad request: " + reason);
                    return new Reply.Err(Errno.EINVAL);
                }
            }
            return new Reply.Ok();
        } catch (OsException e) {
            LOG.log(WARNING, "control socket: " + e.getMessage());
            return new Reply.Err(e.errno());
        } catch (VmmException e) {
            LOG.log(WARNING, "control socket: " + e.getMessage());
            return new Reply.Err(Errno.EIO);
        } catch (RuntimeException e) {
            // A defect in one request must not take the others' way to the VM.
            LOG.log(ERROR, "control socket: request failed", e);
            return new Reply.Err(Errno.EIO);
        }
    }

    private static void perform(Request.Command command, VmControl vm) {
        switch (command) {
            case EXIT -> vm.stop();
            case POWER_BUTTON -> vm.powerButton();
            case SLEEP_BUTTON -> vm.sleepButton();
            case SUSPEND_VCPUS -> vm.suspend(false);
            case RESUME_VCPUS -> vm.resume(false);
            case SUSPEND_VM -> vm.suspend(true);
            case RESUME_VM -> vm.resume(true);
        }
    }

    private void drop(UnixSocket client) {
        poller.remove(client.fd());
        clients.remove(client);
        client.close();
    }

    /** Ends all connections and removes the socket. */
    @Override
    public void close() {
        stopping = true;
        quit.signal();
        Thread server = thread;
        if (server != null && server != Thread.currentThread()) {
            boolean interrupted = false;
            while (server.isAlive()) {
                try {
                    server.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
        clients.forEach(UnixSocket::close);
        clients.clear();
        listener.close();
        poller.close();
        quit.close();
        UnixSocket.unlink(path);
    }
}
