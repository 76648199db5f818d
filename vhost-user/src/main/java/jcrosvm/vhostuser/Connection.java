package jcrosvm.vhostuser;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.vhostuser.ProtocolException.Cause;
import org.jspecify.annotations.Nullable;

/**
 * One end of a connection. One peer asks, the other answers; a backend that asks does so on a connection of its own.
 * Whatever the peer does, a call ends in time: with a {@link ProtocolException}, after which the connection is of no use.
 */
public final class Connection implements AutoCloseable {
    /** How long a peer may take for one message, in milliseconds. */
    public static final int TIMEOUT_MILLIS = 10_000;

    private static final int VERSION = 1;
    private static final int VERSION_MASK = 3;
    private static final int REPLY = 4;
    private static final int NEED_REPLY = 8;
    private static final int HEADER = 12;

    private final UnixSocket socket;
    private final String peer;
    private final int timeoutMillis;
    private volatile boolean broken;
    private boolean isLimited; // with the next, of the thread that asks
    private long limit;

    private record Raw(int number, int flags, byte[] payload, List<Fd> descriptors) {}

    /**
     * @param socket a connected stream, which this object owns
     * @param peer the other end, for messages: {@code "the backend at /run/blk.sock"}
     */
    public Connection(UnixSocket socket, String peer) {
        this(socket, peer, TIMEOUT_MILLIS);
    }

    Connection(UnixSocket socket, String peer, int timeoutMillis) {
        this.socket = socket;
        this.peer = peer;
        this.timeoutMillis = timeoutMillis;
        socket.fd().nonBlocking(true);
    }

    /** The other end, for messages. */
    public String peer() {
        return peer;
    }

    /** Readable when the peer sends, hung up when it is gone. */
    public Fd fd() {
        return socket.fd();
    }

    /** All requests from here on, up to the next call, share the time that one peer may take for a message. */
    public synchronized void limit() {
        isLimited = true;
        limit = System.nanoTime() + timeoutMillis * 1_000_000L;
    }

    /** Sends a request that nothing answers. */
    public synchronized void tell(Request request, Payload payload, Fd... descriptors) {
        send(request, VERSION, payload, List.of(descriptors));
    }

    /**
     * The same without any wait, for a short request.
     *
     * @return false when the peer has so much unread that there is no room
     */
    public synchronized boolean tryTell(Request request, Payload payload) {
        requireUsable();
        try {
            socket.send(encoded(request, VERSION, payload), List.of());
            return true;
        } catch (OsException e) {
            if (e.errno() == Errno.EAGAIN) {
                return false;
            }
            throw failed("has closed the connection", Cause.CLOSED);
        }
    }

    /**
     * Sends a request and waits until the peer has carried it out.
     *
     * @throws ProtocolException REFUSED when the peer says that it failed
     */
    public synchronized void acknowledged(Request request, Payload payload, Fd... descriptors) {
        send(request, VERSION | NEED_REPLY, payload, List.of(descriptors));
        Message reply = reply(request, PayloadKind.U64, 0);
        long result = reply.payload(Payload.U64.class).value();
        if (result != 0) {
            throw new ProtocolException(peer + " refused " + request.name() + " (" + result + ")", Cause.REFUSED);
        }
    }

    /** Sends a request that has a reply of its own, and returns that. No descriptors come with it. */
    public synchronized <P extends Payload> P ask(Class<P> type, Request request, Payload payload, Fd... descriptors) {
        return type.cast(ask(0, request, payload, descriptors).payload());
    }

    /** The same for a reply that may bring so many descriptors, which the caller owns. */
    public synchronized Message ask(int descriptorsBack, Request request, Payload payload, Fd... descriptors) {
        PayloadKind kind = request.reply();
        if (kind == null) {
            throw new IllegalArgumentException(request + " has no reply");
        }
        send(request, VERSION, payload, List.of(descriptors));
        return reply(request, kind, descriptorsBack);
    }

    private Message reply(Request request, PayloadKind kind, int descriptors) {
        Raw raw = receive(deadline());
        if (raw == null) {
            throw failed("has closed the connection instead of answering " + request.name(), Cause.CLOSED);
        }
        if (raw.number != request.number() || (raw.flags & REPLY) == 0) {
            close(raw.descriptors);
            throw failed("answered " + request.name() + " by message " + raw.number, Cause.BROKEN);
        }
        return decoded(raw, request, kind, descriptors);
    }

    /** Reads the next request of a front end; null when it has closed the connection. Waits for it without limit. */
    public @Nullable Message nextOfFrontEnd() {
        return next(FrontEndRequest::of);
    }

    /** The same for a request of a backend. */
    public @Nullable Message nextOfBackEnd() {
        return next(BackEndRequest::of);
    }

    private @Nullable Message next(IntFunction<@Nullable Request> requests) {
        requireUsable();
        while (Poller.await(socket.fd(), Poller.READABLE, -1) == 0) {
            // a signal interrupted the wait
        }
        Raw raw = receive(deadline());
        if (raw == null) {
            return null;
        }
        Request request = requests.apply(raw.number);
        if (request == null || (raw.flags & REPLY) != 0) {
            close(raw.descriptors);
            throw failed(
                    request == null
                            ? "sent message " + (raw.number & 0xffffffffL) + ", which is not known"
                            : "answered what it was not asked",
                    Cause.BROKEN);
        }
        return decoded(raw, request, request.payload(), request.descriptors());
    }

    private Message decoded(Raw raw, Request request, PayloadKind kind, int descriptors) {
        try {
            if (raw.descriptors.size() > descriptors) {
                throw new ProtocolException(raw.descriptors.size() + " descriptors are too many", Cause.BROKEN);
            }
            Payload payload = kind.decode(raw.payload);
            return new Message(request, (raw.flags & NEED_REPLY) != 0, payload, raw.descriptors);
        } catch (ProtocolException e) {
            close(raw.descriptors);
            throw failed("sent a bad " + request.name() + ": " + e.getMessage(), Cause.BROKEN);
        }
    }

    /** Answers a request that has a reply of its own. */
    public void reply(Message to, Payload payload, Fd... descriptors) {
        send(to.request(), VERSION | REPLY, payload, List.of(descriptors));
    }

    /** Answers a request that has none, if the peer waits for it. */
    public void acknowledge(Message to, boolean isDone) {
        if (to.needsReply()) {
            send(to.request(), VERSION | REPLY, new Payload.U64(isDone ? 0 : 1), List.of());
        }
    }

    private void send(Request request, int flags, Payload payload, List<Fd> descriptors) {
        requireUsable();
        try {
            socket.send(encoded(request, flags, payload), descriptors, timeoutMillis);
        } catch (OsException e) {
            throw e.errno() == Errno.ETIMEDOUT
                    ? failed("takes no messages", Cause.TIMEOUT)
                    : failed("has closed the connection", Cause.CLOSED);
        }
    }

    private static byte[] encoded(Request request, int flags, Payload payload) {
        byte[] body = PayloadKind.encode(payload);
        ByteBuffer bytes = ByteBuffer.allocate(HEADER + body.length).order(ByteOrder.LITTLE_ENDIAN);
        return bytes.putInt(request.number())
                .putInt(flags)
                .putInt(body.length)
                .put(body)
                .array();
    }

    private long deadline() {
        return isLimited ? limit : System.nanoTime() + timeoutMillis * 1_000_000L;
    }

    /** One message; null at the end of the stream. */
    private @Nullable Raw receive(long deadline) {
        requireUsable();
        List<Fd> descriptors = new ArrayList<>();
        boolean done = false;
        try {
            byte[] header = receive(HEADER, descriptors, deadline);
            if (header == null) {
                return null;
            }
            ByteBuffer fields = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
            int number = fields.getInt();
            int flags = fields.getInt();
            int size = fields.getInt();
            if ((flags & VERSION_MASK) != VERSION || size < 0 || size > PayloadKind.MAX_SIZE) {
                throw failed(
                        "does not speak vhost-user: it sent a header of request %d, flags 0x%x, size %d"
                                .formatted(number & 0xffffffffL, flags, size & 0xffffffffL),
                        Cause.BROKEN);
            }
            byte[] payload = size == 0 ? new byte[0] : receive(size, descriptors, deadline);
            if (payload == null) {
                throw failed("has closed the connection within a message", Cause.CLOSED);
            }
            done = true;
            return new Raw(number, flags, payload, descriptors);
        } finally {
            if (!done) {
                close(descriptors);
            }
        }
    }

    /** So many bytes; null when the stream ends before the first. */
    private byte @Nullable [] receive(int length, List<Fd> descriptors, long deadline) {
        byte[] bytes = new byte[length];
        for (int done = 0; done < length; ) {
            UnixSocket.Message part = part(length - done);
            if (part == null) {
                long left = (deadline - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    throw failed("has not answered within " + timeoutMillis + " ms", Cause.TIMEOUT);
                }
                Poller.await(socket.fd(), Poller.READABLE, (int) left + 1);
                continue;
            }
            descriptors.addAll(part.fds());
            if (part.truncated() || descriptors.size() > UnixSocket.MAX_FDS) {
                throw failed("sent more descriptors than can be taken", Cause.BROKEN);
            }
            if (part.endOfStream()) {
                if (done == 0) {
                    return null;
                }
                throw failed("has closed the connection within a message", Cause.CLOSED);
            }
            System.arraycopy(part.data(), 0, bytes, done, part.data().length);
            done += part.data().length;
        }
        return bytes;
    }

    private UnixSocket.@Nullable Message part(int length) {
        try {
            return socket.receive(length);
        } catch (OsException e) {
            throw failed("cannot be heard: " + e.getMessage(), Cause.CLOSED);
        }
    }

    private static void close(List<Fd> descriptors) {
        descriptors.forEach(Fd::close);
    }

    private void requireUsable() {
        if (broken) {
            throw new ProtocolException("the connection to " + peer + " is lost", Cause.CLOSED);
        }
    }

    private ProtocolException failed(String what, Cause cause) {
        broken = true;
        return new ProtocolException(peer + " " + what, cause);
    }

    @Override
    public void close() {
        broken = true;
        socket.close();
    }
}
