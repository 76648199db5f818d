package jcrosvm.vhostuser.backend;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.vhostuser.Connection;
import org.jspecify.annotations.Nullable;

/** Where the front ends of a device come from. One thread at a time. */
public final class FrontEnds implements AutoCloseable {
    private final String peer;
    private @Nullable UnixSocket listener;
    private @Nullable Connection connected;

    private FrontEnds(String peer) {
        this.peer = peer;
    }

    /**
     * A socket on which they connect, one after another.
     *
     * @throws VmmException when the path is in use, too long, or cannot be made
     */
    public static FrontEnds listen(Path path) {
        FrontEnds here = new FrontEnds("the front end at " + path);
        UnixSocket listener = UnixSocket.listen(path, UnixSocket.Type.STREAM);
        listener.fd().nonBlocking(true);
        here.listener = listener;
        return here;
    }

    /**
     * The one that a descriptor leads to with which this process was started.
     *
     * @throws VmmException when it is no socket
     */
    public static FrontEnds connected(int descriptor) {
        String what;
        try {
            what = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor))
                    .toString();
        } catch (IOException e) {
            throw new VmmException("descriptor " + descriptor + " is not open", e);
        }
        if (!what.startsWith("socket:")) {
            throw new VmmException("descriptor " + descriptor + " is not a socket, but " + what);
        }
        FrontEnds here = new FrontEnds("the front end at descriptor " + descriptor);
        try (Fd given = Fd.adopt(descriptor)) {
            // Programs that are started later do not inherit the duplicate.
            here.connected = new Connection(UnixSocket.adopt(given.duplicate()), here.peer);
        }
        return here;
    }

    /**
     * Waits for the next one.
     *
     * @return its connection, which the caller closes; null when {@code exit} is signalled, or no other can come
     */
    public @Nullable Connection next(EventFd exit) {
        Connection given = connected;
        connected = null;
        UnixSocket from = listener;
        if (given != null || from == null) {
            return given;
        }
        boolean[] mustEnd = {false};
        try (Poller poller = new Poller()) {
            poller.add(from.fd(), Poller.READABLE, events -> {});
            poller.add(exit.fd(), Poller.READABLE, events -> mustEnd[0] = true);
            while (true) {
                int ready = poller.poll(-1);
                if (mustEnd[0]) {
                    return null;
                }
                UnixSocket accepted = ready == 0 ? null : accept(from);
                if (accepted != null) {
                    return new Connection(accepted, peer);
                }
            }
        }
    }

    private static @Nullable UnixSocket accept(UnixSocket from) {
        try {
            return from.accept();
        } catch (OsException e) {
            if (e.errno() == Errno.EAGAIN) { // it has given up meanwhile
                return null;
            }
            throw e;
        }
    }

    /** Takes no more of them, and removes the socket's path. */
    @Override
    public void close() {
        if (connected != null) {
            connected.close();
            connected = null;
        }
        if (listener != null) {
            listener.unlink();
            listener.close();
            listener = null;
        }
    }
}
