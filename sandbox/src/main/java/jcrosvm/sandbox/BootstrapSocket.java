package jcrosvm.sandbox;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import org.jspecify.annotations.Nullable;

/**
 * One end of the socket between this process and a child of its own, or between it and its parent. Messages are bytes and descriptors. Neither end trusts the other: whatever it sends, a call ends in time, with a message or a {@link
 * VmmException}, after which the socket is of no use. One thread receives, any thread sends.
 *
 * <p>A message is one or several packets (SOCK_SEQPACKET): a header of four bytes, 0 for the last packet and 1 for the
 * others, then a part of the bytes. Descriptors come with any of them.
 */
public final class BootstrapSocket implements AutoCloseable {
    /** Most bytes of a message: an image of a thousand parts is described by less. */
    public static final int MOST_BYTES = 4 << 20;
    /** Most descriptors of a message. */
    public static final int MOST_DESCRIPTORS = 2048;
    /** How long the other end may take for one message, once it has begun, in milliseconds. */
    public static final int TIMEOUT_MILLIS = 10_000;

    private static final int HEADER = 4;
    private static final int LAST = 0;
    private static final int MORE = 1;
    private static final int MOST_BYTES_OF_PACKET = 32 << 10;
    private static final int MOST_DESCRIPTORS_OF_PACKET = 128;

    /**
     * What came.
     *
     * @param descriptors which the receiver owns
     */
    public record Message(byte[] bytes, List<Fd> descriptors) implements AutoCloseable {
        @Override
        public void close() {
            descriptors.forEach(Fd::close);
        }
    }

    private final UnixSocket socket;
    private final String peer;
    private final int timeoutMillis;

    /**
     * @param socket of type SEQPACKET, which this object owns
     * @param peer the other end, for messages
     */
    public BootstrapSocket(UnixSocket socket, String peer) {
        this(socket, peer, TIMEOUT_MILLIS);
    }

    BootstrapSocket(UnixSocket socket, String peer, int timeoutMillis) {
        this.socket = socket;
        this.peer = peer;
        this.timeoutMillis = timeoutMillis;
        socket.fd().nonBlocking(true);
    }

    /** Readable when a message begins, or when the other end is gone. */
    public Fd fd() {
        return socket.fd();
    }

    /**
     * Sends a message.
     *
     * @param descriptors stay the caller's
     * @throws VmmException when the other end is gone or takes nothing
     */
    public synchronized void send(byte[] bytes, List<Fd> descriptors) {
        if (bytes.length > MOST_BYTES || descriptors.size() > MOST_DESCRIPTORS) {
            throw new VmmException("a message of %d bytes and %d descriptors is too long for %s; at most %d and %d"
                    .formatted(bytes.length, descriptors.size(), peer, MOST_BYTES, MOST_DESCRIPTORS));
        }
        int done = 0;
        int passed = 0;
        do {
            int length = Math.min(MOST_BYTES_OF_PACKET, bytes.length - done);
            int count = Math.min(MOST_DESCRIPTORS_OF_PACKET, descriptors.size() - passed);
            boolean isLast = done + length == bytes.length && passed + count == descriptors.size();
            byte[] packet = ByteBuffer.allocate(HEADER + length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(isLast ? LAST : MORE)
                    .put(bytes, done, length)
                    .array();
            try {
                socket.send(packet, descriptors.subList(passed, passed + count), timeoutMillis);
            } catch (OsException e) {
                throw new VmmException(
                        peer
                                + (e.errno() == Errno.ETIMEDOUT
                                        ? " has not taken a message within " + timeoutMillis + " ms"
                                        : " is gone"),
                        e);
            }
            done += length;
            passed += count;
        } while (done < bytes.length || passed < descriptors.size());
    }

    /**
     * Receives the next message.
     *
     * @param millis how long to wait for its beginning; -1 waits without limit
     * @return null when the other end has closed the socket
     * @throws VmmException when nothing comes in time, or what comes is no message
     */
    public @Nullable Message receive(int millis) {
        List<Fd> descriptors = new ArrayList<>();
        boolean isDone = false;
        try {
            Message message = receive(millis, descriptors);
            isDone = true;
            return message;
        } finally {
            if (!isDone) {
                descriptors.forEach(Fd::close);
            }
        }
    }

    private @Nullable Message receive(int millis, List<Fd> descriptors) {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        UnixSocket.Message packet = packet(millis < 0, deadline, peer + " has sent nothing within " + millis + " ms");
        if (packet == null) {
            return null;
        }
        deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
        String late = peer + " has sent no whole message within " + timeoutMillis + " ms";
        ByteBuffer bytes = ByteBuffer.allocate(0);
        while (true) {
            descriptors.addAll(packet.fds());
            byte[] data = packet.data();
            if (packet.truncated() || data.length < HEADER) {
                throw new VmmException(peer + " sent a packet that cannot be taken");
            }
            int header = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).getInt();
            int length = data.length - HEADER;
            boolean isNothing = header == MORE && length == 0 && packet.fds().isEmpty();
            if (header != LAST && header != MORE || isNothing) {
                throw new VmmException(peer + " sent a packet with the header 0x%08x".formatted(header));
            }
            if (System.nanoTime() - deadline > 0) {
                throw new VmmException(late);
            }
            if (bytes.position() + length > MOST_BYTES || descriptors.size() > MOST_DESCRIPTORS) {
                throw new VmmException(peer
                        + " sent a message of more than %d bytes or %d descriptors"
                                .formatted(MOST_BYTES, MOST_DESCRIPTORS));
            }
            bytes = withRoom(bytes, length).put(data, HEADER, length);
            if (header == LAST) {
                byte[] all = new byte[bytes.position()];
                bytes.flip().get(all);
                return new Message(all, List.copyOf(descriptors));
            }
            packet = packet(false, deadline, late);
            if (packet == null) {
                throw new VmmException(peer + " has closed the socket within a message");
            }
        }
    }

    private static ByteBuffer withRoom(ByteBuffer bytes, int more) {
        if (bytes.remaining() >= more) {
            return bytes;
        }
        return ByteBuffer.allocate(Math.max(2 * bytes.capacity(), bytes.position() + more))
                .put(bytes.flip());
    }

    /** One packet, which is not empty; null at the end. */
    private UnixSocket.@Nullable Message packet(boolean isUnlimited, long deadline, String late) {
        while (true) {
            UnixSocket.Message packet;
            try {
                packet = socket.receive(HEADER + MOST_BYTES_OF_PACKET);
            } catch (OsException e) {
                throw new VmmException(peer + " cannot be heard: " + e.getMessage(), e);
            }
            if (packet != null) {
                if (packet.endOfStream()) {
                    packet.fds().forEach(Fd::close); // of an empty packet
                    return null;
                }
                return packet;
            }
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (!isUnlimited && left <= 0) {
                throw new VmmException(late);
            }
            Poller.await(socket.fd(), Poller.READABLE, isUnlimited ? -1 : (int) left + 1);
        }
    }

    @Override
    public void close() {
        socket.close();
    }
}
