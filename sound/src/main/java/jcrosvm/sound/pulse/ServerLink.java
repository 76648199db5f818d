package jcrosvm.sound.pulse;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.function.Consumer;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import org.jspecify.annotations.Nullable;

/** The socket to a server and the frames on their way in both directions; one connection after another. */
final class ServerLink {
    private final Poller poller;
    private final Consumer<String> onLoss;
    private final Inbox inbox;
    private final Outbox outbox;
    private @Nullable UnixSocket socket;
    private boolean isWriteWatched;

    /**
     * @param samples bytes of samples that wait at most
     * @param unit bytes of samples that stay together
     * @param onLoss told why a connection is of no more use; it disconnects
     */
    ServerLink(Arena arena, long samples, int unit, Poller poller, Inbox.Receiver receiver, Consumer<String> onLoss) {
        this.poller = poller;
        this.onLoss = onLoss;
        inbox = new Inbox(arena, receiver);
        outbox = new Outbox(arena, samples, unit);
    }

    /** @throws jcrosvm.base.OsException when there is no server, or it has no room for a client now */
    void connect(Path server) {
        UnixSocket connected = UnixSocket.connectNow(server, UnixSocket.Type.STREAM);
        socket = connected;
        inbox.reset();
        outbox.reset();
        isWriteWatched = false;
        poller.add(connected.fd(), Poller.READABLE, ready -> ready(connected, ready));
    }

    private void ready(UnixSocket connected, int ready) {
        try {
            if ((ready & Poller.WRITABLE) != 0) {
                flush();
            }
            if ((ready & ~Poller.WRITABLE) != 0) {
                inbox.receive(connected.fd());
            }
        } catch (RuntimeException e) {
            onLoss.accept(String.valueOf(e.getMessage()));
        }
    }

    void send(TagWriter request) {
        outbox.message(request);
        flush();
    }

    /**
     * Adds samples, which {@link #flush} sends.
     *
     * @return whether they fit; otherwise none was added
     */
    boolean add(int channel, IoVec samples) {
        return outbox.samples(channel, samples, 0, samples.length());
    }

    /** Writes what the server takes; the rest when it takes more. */
    void flush() {
        UnixSocket to = socket;
        if (to != null) {
            boolean isWatched = !outbox.flush(to.fd());
            if (isWatched != isWriteWatched) {
                isWriteWatched = isWatched;
                poller.modify(to.fd(), isWatched ? Poller.READABLE | Poller.WRITABLE : Poller.READABLE);
            }
        }
    }

    void disconnect() {
        UnixSocket open = socket;
        if (open != null) {
            socket = null;
            poller.remove(open.fd());
            open.close();
        }
    }
}
