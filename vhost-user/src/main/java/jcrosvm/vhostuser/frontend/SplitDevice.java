package jcrosvm.vhostuser.frontend;

import java.util.List;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.vhostuser.backend.BackendHalf;
import org.jspecify.annotations.Nullable;

/**
 * A device of ours that is reached over vhost-user, in two halves with one connection between them. It is made before it is
 * decided where the backend runs: in a thread or in a process of its own, which differ in what takes the backend's half.
 */
public final class SplitDevice implements AutoCloseable {
    private final String kind;
    private final String name;
    private final String label;
    private final UnixSocket connection;
    private final EventFd exit = new EventFd();
    private @Nullable BackendHalf backend; // guarded by this

    /**
     * @param kind of the device: {@code snd}
     * @param name of the device: {@code snd0}
     * @param label in front of each line of the log that is about the device; may be empty
     */
    public SplitDevice(String kind, String name, String label) {
        this(kind, name, label, UnixSocket.pair(UnixSocket.Type.STREAM));
    }

    /** @param ends the front end's and the backend's of a connection, owned by this object */
    public SplitDevice(String kind, String name, String label, List<UnixSocket> ends) {
        this.kind = kind;
        this.name = name;
        this.label = label;
        connection = ends.get(0);
        backend =
                new BackendHalf(kind, label, ends.get(1), new EventFd(exit.fd().duplicate()));
    }

    /** Of the device: {@code snd0}. */
    public String name() {
        return name;
    }

    String kind() {
        return kind;
    }

    String label() {
        return label;
    }

    /** The front end's end. */
    UnixSocket connection() {
        return connection;
    }

    /** Ends the backend. */
    EventFd exit() {
        return exit;
    }

    /**
     * Takes the backend's half out, which the caller owns from here on.
     *
     * @throws IllegalStateException when it was taken already
     */
    synchronized BackendHalf takeBackend() {
        BackendHalf half = backend;
        if (half == null) {
            throw new IllegalStateException(label + "the backend's half of " + name + " was taken already");
        }
        backend = null;
        return half;
    }

    /** Closes both halves, but for the backend's if it was taken. */
    @Override
    public synchronized void close() {
        if (backend != null) {
            backend.close();
            backend = null;
        }
        connection.close();
        exit.close();
    }
}
