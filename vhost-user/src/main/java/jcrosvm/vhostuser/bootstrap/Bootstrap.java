package jcrosvm.vhostuser.bootstrap;

import java.nio.charset.StandardCharsets;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.config.ConfigException;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.RecordBinder;
import jcrosvm.config.RecordWriter;
import jcrosvm.sandbox.BootstrapSocket;
import org.jspecify.annotations.Nullable;

/** One end of a {@link BootstrapSocket} that carries {@link BootstrapMessage}s, in JSON. */
public final class Bootstrap implements AutoCloseable {
    private final BootstrapSocket socket;
    private final String peer;

    /**
     * A message that came.
     *
     * @param descriptors as many as it says, owned by the receiver
     */
    public record Received(BootstrapMessage message, List<Fd> descriptors) implements AutoCloseable {
        @Override
        public void close() {
            descriptors.forEach(Fd::close);
        }
    }

    /**
     * @param socket owned by this object
     * @param peer the other end, for messages
     */
    public Bootstrap(BootstrapSocket socket, String peer) {
        this.socket = socket;
        this.peer = peer;
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
    public void send(BootstrapMessage message, List<Fd> descriptors) {
        if (descriptors.size() != message.descriptors()) {
            throw new IllegalArgumentException(descriptors.size() + " descriptors for " + message);
        }
        socket.send(
                JsonWriter.compact(RecordWriter.write(message, BootstrapMessage.class))
                        .getBytes(StandardCharsets.UTF_8),
                descriptors);
    }

    /**
     * Receives the next message.
     *
     * @param millis how long to wait for its beginning; -1 waits without limit
     * @return null when the other end has closed the socket
     * @throws VmmException when nothing comes in time, or what comes is no message
     */
    public @Nullable Received receive(int millis) {
        BootstrapSocket.Message raw = socket.receive(millis);
        if (raw == null) {
            return null;
        }
        boolean isDone = false;
        try {
            BootstrapMessage message = RecordBinder.bindSaved(
                    JsonReader.parse(new String(raw.bytes(), StandardCharsets.UTF_8)), BootstrapMessage.class);
            if (raw.descriptors().size() != message.descriptors()) {
                throw new VmmException(peer + " sent " + raw.descriptors().size() + " descriptors where "
                        + message.descriptors() + " belong to the message");
            }
            isDone = true;
            return new Received(message, raw.descriptors());
        } catch (ConfigException e) {
            throw new VmmException(peer + " sent what is no message: " + e.getMessage(), e);
        } finally {
            if (!isDone) {
                raw.close();
            }
        }
    }

    @Override
    public void close() {
        socket.close();
    }
}
