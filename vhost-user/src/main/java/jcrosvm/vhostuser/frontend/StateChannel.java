package jcrosvm.vhostuser.frontend;

import java.io.ByteArrayOutputStream;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.FrontEndRequest;
import jcrosvm.vhostuser.Payload;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.vhostuser.ProtocolException.Cause;

/**
 * How the state of a device comes from its backend and goes there ("Migrating back-end state"): through a descriptor, in a
 * form that the backend alone knows. Rings are stopped.
 */
final class StateChannel {
    /** Bytes of a state at most. */
    private static final int MAX_STATE = 64 << 20;

    private static final int CHUNK = 64 << 10;

    private final Connection connection;

    StateChannel(Connection connection) {
        this.connection = connection;
    }

    /**
     * The state of the device.
     *
     * @throws ProtocolException REFUSED when the backend cannot give it
     */
    byte[] save() {
        try (UnixSocket own = open(Payload.StateTransfer.SAVE)) {
            byte[] state = receive(own);
            check();
            return state;
        } catch (OsException e) {
            throw refused("gives no state: " + e.getMessage());
        }
    }

    /**
     * Has the backend take over a state that {@link #save} gave.
     *
     * @throws ProtocolException REFUSED when it cannot
     */
    void restore(byte[] state) {
        try (UnixSocket own = open(Payload.StateTransfer.LOAD)) {
            own.fd().nonBlocking(true);
            own.send(state, List.of(), Connection.TIMEOUT_MILLIS);
        } catch (OsException e) {
            throw refused("takes no state: " + e.getMessage());
        }
        check();
    }

    private UnixSocket open(int direction) {
        List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.STREAM);
        boolean done = false;
        try (UnixSocket theirs = pair.get(1)) {
            Payload.U64 reply = connection.ask(
                    Payload.U64.class,
                    FrontEndRequest.SET_DEVICE_STATE_FD,
                    new Payload.StateTransfer(direction, 0),
                    theirs.fd());
            requireDone(reply.value() & 0xff, "a transfer of its state");
            done = true;
            return pair.get(0);
        } finally {
            if (!done) {
                pair.get(0).close();
            }
        }
    }

    private static byte[] receive(UnixSocket from) {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(Connection.TIMEOUT_MILLIS);
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        from.fd().nonBlocking(true);
        while (true) {
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (left < 0) {
                throw new OsException("receive", Errno.ETIMEDOUT);
            }
            Poller.await(from.fd(), Poller.READABLE, (int) left + 1);
            UnixSocket.Message part = from.receive(CHUNK);
            if (part == null) {
                continue;
            }
            part.fds().forEach(Fd::close);
            if (part.endOfStream()) {
                return all.toByteArray();
            }
            if (all.size() + part.data().length > MAX_STATE) {
                throw new OsException("receive", Errno.EFBIG);
            }
            all.writeBytes(part.data());
        }
    }

    private void check() {
        Payload.U64 reply = connection.ask(Payload.U64.class, FrontEndRequest.CHECK_DEVICE_STATE, Payload.EMPTY);
        requireDone(reply.value(), "its state");
    }

    private void requireDone(long result, String what) {
        if (result != 0) {
            throw refused("refused " + what + " (" + result + ")");
        }
    }

    private ProtocolException refused(String what) {
        return new ProtocolException(connection.peer() + " " + what, Cause.REFUSED);
    }
}
