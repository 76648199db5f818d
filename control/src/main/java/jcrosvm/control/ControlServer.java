package jcrosvm.control;

import static java.lang.System.Logger.Level.ERROR;
import static java.lang.System.Logger.Level.WARNING;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.Errno;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.Threads;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.ConfigException;
import jcrosvm.vmm.MachineVerb;
import jcrosvm.vmm.VmControl;
import jcrosvm.vmm.VmRequest;
import org.jspecify.annotations.Nullable;

/**
 * The listening end of a control socket. Requests are carried out one at a time on the server's own thread; a client can
 * neither end it nor, by not reading its replies, hold it up. A reply that comes later holds up only what the same client
 * is told after it: replies have the order of their requests.
 */
public final class ControlServer implements AutoCloseable {
    /** Longest request in bytes. */
    private static final int MAX_PACKET = 64 << 10;
    /** Connections at one time; more are closed at once. */
    private static final int MAX_CLIENTS = 128;
    // Descriptors of clients come from what the whole VM needs: none left is no reason to stop serving the others.
    private static final int ACCEPT_PAUSE_MILLIS = 100;

    /** Descriptors with one request, which are held until its reply. */
    private static final int MAX_DESCRIPTORS = 8;

    /** Descriptors that the requests of all clients hold: the VM needs some for itself. */
    private static final int MAX_HELD = 64;

    /** Requests of one client without a reply; its next ones are not read before. */
    private static final int MAX_OUTSTANDING = 16;

    /** About clients: they must not be able to fill the log, however often they connect again. */
    private static final LimitedLog LOG = new LimitedLog("control");

    /** One connection. */
    private static final class Client {
        final UnixSocket socket;
        /** To requests in order; those in front are missing yet. */
        final ArrayDeque<CompletableFuture<Reply>> replies = new ArrayDeque<>();

        boolean paused;

        Client(UnixSocket socket) {
            this.socket = socket;
        }
    }

    private final Path path;
    private final UnixSocket listener;
    private final Poller poller = new Poller();
    private final EventFd wake = new EventFd(); // closed under the lock of ready
    private final ArrayDeque<Client> ready = new ArrayDeque<>(); // clients with a late reply; guarded by itself
    private final List<Client> clients = new ArrayList<>();
    private final AtomicInteger held = new AtomicInteger(); // descriptors of requests without a reply
    private @Nullable Thread thread;
    private volatile boolean stopping;

    private ControlServer(Path path, UnixSocket listener) {
        this.path = path;
        this.listener = listener;
    }

    /**
     * Takes a path; requests wait until {@link #serve}. A socket that no process listens on any more is replaced.
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
        poller.add(wake.fd(), Poller.READABLE, events -> {
            wake.drain();
            sendLate();
        });
        thread = vm.threads().start("control", this::loop);
    }

    private void loop() {
        while (!stopping) {
            poller.poll(-1);
        }
    }

    private static void complain(String message) {
        LOG.log(WARNING, "control socket: " + message);
    }

    private void accept(VmControl vm) {
        UnixSocket socket;
        try {
            socket = listener.accept();
        } catch (OsException e) {
            if (e.errno() == Errno.EMFILE || e.errno() == Errno.ENFILE) {
                complain("no descriptor left for a client");
                // The listener stays readable: without a pause this would be a busy loop.
                Poller.await(wake.fd(), Poller.READABLE, ACCEPT_PAUSE_MILLIS);
            }
            // Anything else is a client that left before it was taken.
            return;
        }
        if (clients.size() == MAX_CLIENTS) {
            complain("too many clients: there are " + MAX_CLIENTS);
            socket.close();
            return;
        }
        socket.fd().nonBlocking(true);
        Client client = new Client(socket);
        try {
            poller.add(socket.fd(), Poller.READABLE, events -> answer(client, vm, events));
        } catch (OsException e) {
            complain("a client cannot be served: " + e.getMessage());
            socket.close();
            return;
        }
        clients.add(client);
    }

    private void answer(Client client, VmControl vm, int events) {
        if (!client.socket.fd().isOpen()) {
            return;
        }
        if (client.paused) {
            if ((events & Poller.HANGUP) != 0) {
                drop(client); // the client will not read what is missing
            }
            return;
        }
        try {
            UnixSocket.Message message = client.socket.receive(MAX_PACKET);
            if (message == null) {
                return;
            }
            if (message.endOfStream()) {
                message.fds().forEach(Fd::close);
                drop(client);
                return;
            }
            CompletableFuture<Reply> reply;
            try {
                VmRequest request = decode(message);
                if (request.verb().equals(MachineVerb.EXIT.name()) && request.isUnit()) {
                    message.fds().forEach(Fd::close);
                    exit(client, vm);
                    return;
                }
                reply = carryOut(request, vm);
            } catch (ConfigException e) {
                reply = CompletableFuture.completedFuture(failure(e));
            }
            held.addAndGet(message.fds().size());
            var _ = reply.whenComplete((done, error) -> {
                message.fds().forEach(Fd::close);
                held.addAndGet(-message.fds().size());
            });
            client.replies.add(reply);
            send(client);
            if (!reply.isDone()) {
                var _ = reply.thenRun(() -> wake(client));
            }
        } catch (OsException e) {
            drop(client);
        }
    }

    /** From any thread. */
    private void wake(Client client) {
        synchronized (ready) {
            if (wake.fd().isOpen()) {
                ready.add(client);
                wake.signal();
            }
        }
    }

    private void sendLate() {
        while (true) {
            Client client;
            synchronized (ready) {
                client = ready.poll();
            }
            if (client == null) {
                return;
            }
            if (client.socket.fd().isOpen()) {
                try {
                    send(client);
                } catch (OsException e) {
                    drop(client);
                }
            }
        }
    }

    /** Sends what is there, up to the first that is missing. */
    private void send(Client client) {
        while (!client.replies.isEmpty() && client.replies.getFirst().isDone()) {
            client.socket.send(client.replies.removeFirst().join().encode());
        }
        boolean pause = client.replies.size() >= MAX_OUTSTANDING;
        if (pause != client.paused) {
            client.paused = pause;
            poller.modify(client.socket.fd(), pause ? 0 : Poller.READABLE);
        }
    }

    private VmRequest decode(UnixSocket.Message message) {
        if (message.truncated()) {
            throw new ConfigException("packet of more than " + MAX_PACKET + " bytes");
        }
        if (message.fds().size() > MAX_DESCRIPTORS) {
            throw new ConfigException(message.fds().size() + " descriptors; at most " + MAX_DESCRIPTORS + " are taken");
        }
        if (held.get() + message.fds().size() > MAX_HELD) {
            throw new ConfigException(
                    "requests without a reply hold " + held + " descriptors; at most " + MAX_HELD + " are kept");
        }
        return RequestCodec.decode(message.data(), message.fds());
    }

    /** The client learns of it first: afterwards this process may be gone. */
    private void exit(Client client, VmControl vm) {
        client.replies.forEach(reply -> reply.complete(new Reply.Err(Errno.ECANCELED)));
        client.replies.add(CompletableFuture.completedFuture(new Reply.Ok()));
        send(client);
        vm.stop();
    }

    /** Never fails: errors are replies. */
    private static CompletableFuture<Reply> carryOut(VmRequest request, VmControl vm) {
        CompletableFuture<Reply> reply = new CompletableFuture<>();
        try {
            vm.perform(request)
                    .whenComplete((value, error) -> reply.complete(error == null ? Reply.of(value) : failure(error)));
        } catch (RuntimeException e) {
            reply.complete(failure(e));
        }
        return reply;
    }

    private static Reply failure(Throwable error) {
        Throwable cause = error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
        return switch (cause) {
            case OsException e -> {
                complain(String.valueOf(e.getMessage()));
                yield new Reply.Err(e.errno());
            }
            case ConfigException e -> {
                complain("bad request: " + e.getMessage());
                yield new Reply.Err(Errno.EINVAL);
            }
            case VmmException e -> {
                complain(String.valueOf(e.getMessage()));
                yield new Reply.Err(Errno.EIO);
            }
            default -> {
                // A defect in one request must not take the others' way to the VM.
                LOG.log(ERROR, "control socket: request failed", cause);
                yield new Reply.Err(Errno.EIO);
            }
        };
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
        wake.signal();
        Thread server = thread;
        if (server != null) {
            Threads.join(server);
        }
        clients.forEach(client -> client.socket.close());
        clients.clear();
        listener.unlink(); // while no other server can take it for a stale one and replace it
        listener.close();
        poller.close();
        synchronized (ready) {
            wake.close();
        }
    }
}
