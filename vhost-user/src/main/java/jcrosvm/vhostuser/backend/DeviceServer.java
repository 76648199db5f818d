package jcrosvm.vhostuser.backend;

import jcrosvm.base.LimitedLog;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Poller;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.Message;
import jcrosvm.vhostuser.Payload;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.vhostuser.ProtocolException.Cause;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/**
 * The backend of one connection: a host of any device. All calls of the device come from the thread that {@link #run} is
 * called on.
 */
public final class DeviceServer {
    private static final LimitedLog LOG = LimitedLog.of(DeviceServer.class);

    private final VirtioDevice device;
    private final Connection connection;
    private final GuestMemorySource memory;
    private boolean mustEnd;

    /**
     * @param device stays the caller's, as the connection does
     * @throws VmmException when the device must be in the process of its VM
     */
    public DeviceServer(VirtioDevice device, Connection connection, GuestMemorySource memory) {
        if (device.traits().localOnly()) {
            throw new VmmException("a device of type " + device.traits().type()
                    + " must be in the process of its VM, and cannot be served over vhost-user");
        }
        this.device = device;
        this.connection = connection;
        this.memory = memory;
    }

    /**
     * Serves until the front end closes the connection. However it ends, the device is reset afterwards and knows no host:
     * it can serve the next connection.
     *
     * @param exit ends it, when it is signalled; not drained
     * @throws ProtocolException when the front end breaks the protocol, is lost in the middle of a message, or asks for
     *     what the device cannot do
     */
    public void run(EventFd exit) {
        try (Session session = new Session(device, connection.peer(), memory);
                Poller poller = new Poller()) {
            poller.add(connection.fd(), Poller.READABLE, events -> {});
            poller.add(exit.fd(), Poller.READABLE, events -> mustEnd = true);
            mustEnd = false;
            session.begin();
            while (!mustEnd) {
                if (poller.poll(-1) > 0 && !mustEnd && !serve(session)) {
                    return;
                }
            }
        } catch (ProtocolException e) {
            throw e;
        } catch (VmmException e) {
            throw new ProtocolException(connection.peer() + " cannot be served: " + e.getMessage(), Cause.BROKEN);
        }
    }

    /** Carries one message out; false at the end of the connection. */
    private boolean serve(Session session) {
        try (Message message = next()) {
            if (message == null) {
                return false;
            }
            serve(session, message);
            return true;
        }
    }

    private @Nullable Message next() {
        try {
            return connection.nextOfFrontEnd();
        } catch (OsException e) {
            throw new ProtocolException(connection.peer() + " is lost: " + e.getMessage(), Cause.CLOSED);
        }
    }

    private void serve(Session session, Message message) {
        Payload reply;
        try {
            reply = session.perform(message);
        } catch (RuntimeException | InternalError e) { // the latter: a file of the front end was cut short
            refuse(message, e);
            return;
        }
        if (reply == null) {
            connection.acknowledge(message, true);
        } else {
            connection.reply(message, reply, session.descriptors(reply));
        }
    }

    /** A front end that does not wait for an acknowledgement would go on as if all were well. */
    private void refuse(Message message, Throwable error) {
        boolean isExpected = error instanceof VmmException;
        String line = "%s sent a %s that cannot be carried out: %s"
                .formatted(connection.peer(), message.request().name(), isExpected ? error.getMessage() : error);
        if (!isExpected) {
            LOG.log(System.Logger.Level.ERROR, line, error);
        }
        if (!message.needsReply() || message.request().reply() != null) {
            throw new ProtocolException(line, Cause.BROKEN);
        }
        LOG.log(System.Logger.Level.WARNING, line);
        connection.acknowledge(message, false);
    }
}
