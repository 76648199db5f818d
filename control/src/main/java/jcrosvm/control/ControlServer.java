package jcrosvm.control;

import static java.lang.System.Logger.Level.DEBUG;
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

    /** Bad requests of one client that are worth a line; a client must not be able to fill the log. */
    private static final int MAX_COMPLAINTS = 3;

    /** One connection. */
    private static final class Client {
        final UnixSocket socket;
        int complaints;

        Client(UnixSocket socket) {
            this.socket = socket;
        }

        void complain(String message) {
            LOG.log(complaints < MAX_COMPLAINTS ? WARNING : DEBUG, "control socket: " + message);
            complaints++;
        }
    }

    private final Path path;
    private final UnixSocket listener;
    private final Poller poller = new Poller();
    private final EventFd quit = new EventFd();
    private final List<Client> clients = new ArrayList<>();
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
        UnixSocket socket;
        try {
            socket = listener.accept();
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
            socket.close();
            return;
        }
        socket.fd().nonBlocking(true);
        Client client = new Client(socket);
        clients.add(client);
        poller.add(socket.fd(), Poller.READABLE, events -> answer(client, vm));
    }

    private void answer(Client client, VmControl vm) {
        if (!client.socket.fd().isOpen()) {
            return;
        }
        try {
            UnixSocket.Message message = client.socket.receive(MAX_PACKET);
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
                client.socket.send(new Reply.Ok().encode());
                vm.stop();
            } else {
                client.socket.send(carryOut(client, request, vm).encode());
            }
        } catch (OsException e) {
            drop(client);
        }
    }

    private static Reply carryOut(Client client, Request request, VmControl vm) {
        try {
            switch (request) {
                case Request.Command command -> perform(command, vm);
                case Request.Unsupported(String name) -> {
                    client.complain(name + " is not supported");
                    return new Reply.Err(Errno.ENOTSUP);
                }
                case Request.Malformed(String reason) -> {
                    client.complain("bad request: " + reason);
                    return new Reply.Err(Errno.EINVAL);
                }
            }
            return new Reply.Ok();
        } catch (OsException e) {
            client.complain(String.valueOf(e.getMessage()));
            return new Reply.Err(e.errno());
        } catch (VmmException e) {
            client.complain(String.valueOf(e.getMessage()));
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

    private void drop(Client client) {
        poller.remove(client.socket.fd());
        clients.remove(client);
        client.socket.close();
    }

    /** Ends all connections and removes the socket; a second time does nothing. */
    @Override
    public synchronized void close() {
        if (stopping) {
            // The path may be another server's by now.
            return;
        }
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
        clients.forEach(client -> client.socket.close());
        clients.clear();
        UnixSocket.unlink(path); // while nobody can take it for a stale one and put his own there
        listener.close();
        poller.close();
        quit.close();
    }
}
