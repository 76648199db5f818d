package jcrosvm.control;

import java.nio.file.Path;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.vmm.VmRequest;

/** A connection to a VM's control socket. Not thread-safe. */
public final class ControlClient implements AutoCloseable {
    private static final int MAX_REPLY = 256 << 10;

    private final Path path;
    private final UnixSocket socket;

    private ControlClient(Path path, UnixSocket socket) {
        this.path = path;
        this.socket = socket;
    }

    /** @throws VmmException when there is no socket, no VM behind it, or no permission */
    public static ControlClient connect(Path path) {
        try {
            return new ControlClient(path, UnixSocket.connect(path, UnixSocket.Type.SEQPACKET));
        } catch (OsException e) {
            String reason = switch (e.errno()) {
                case Errno.ENOENT -> "there is no such socket";
                case Errno.ECONNREFUSED -> "no VM listens on it any more, or it is not a socket";
                case Errno.EPROTOTYPE -> "it is a socket of another kind";
                default -> Errno.text(e.errno());
            };
            throw new VmmException("cannot connect to control socket " + path + ": " + reason, e);
        }
    }

    /**
     * Sends a request and waits for its reply.
     *
     * @param timeoutMillis how long to wait, -1 for ever
     * @throws VmmException when the VM does not answer in time or goes away without an answer
     */
    public Reply send(VmRequest request, int timeoutMillis) {
        try {
            socket.send(RequestCodec.encode(request), request.descriptors());
            if (Poller.await(socket.fd(), Poller.READABLE, timeoutMillis) == 0) {
                throw new VmmException(
                        "the VM behind " + path + " did not answer within " + timeoutMillis / 1000 + " s");
            }
            UnixSocket.Message message = socket.receive(MAX_REPLY);
            if (message == null || message.endOfStream()) {
                throw new VmmException("the VM behind " + path + " closed the connection without an answer");
            }
            message.fds().forEach(Fd::close);
            return Reply.decode(message.data());
        } catch (OsException e) {
            throw new VmmException("control socket " + path + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        socket.close();
    }
}
