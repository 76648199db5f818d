package jcrosvm.vhostuser.backend;

import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.vhostuser.BackEndRequest;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.Payload;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.SharedMemoryWindow;
import org.jspecify.annotations.Nullable;

/** What the device can tell the front end, beside its queues ("Back-end communication"). */
final class FrontEndLink implements DeviceHost, AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(FrontEndLink.class);

    private final AtomicBoolean needsReset = new AtomicBoolean();
    private volatile @Nullable Runnable onFailure;
    private @Nullable Connection connection; // guarded by this

    /** Where the backend's requests go from here on; the one before is closed. */
    synchronized void connect(UnixSocket socket, String peer) {
        close();
        connection = new Connection(socket, peer);
    }

    @Override
    public synchronized void configChanged() {
        if (connection == null) {
            return;
        }
        try {
            // When there is no room, what the front end has not read yet says the same.
            connection.tryTell(BackEndRequest.CONFIG_CHANGE_MSG, Payload.EMPTY);
        } catch (ProtocolException e) {
            LOG.log(System.Logger.Level.WARNING, e.getMessage() + " for requests of the backend");
            close();
        }
    }

    /** @param action run by {@link #failed}, on any thread */
    void onFailure(Runnable action) {
        onFailure = action;
    }

    /** The device needs a reset, as the front end finds in the status. */
    void mark() {
        needsReset.set(true);
    }

    @Override
    public void failed() {
        mark();
        Runnable action = onFailure;
        if (action != null) {
            action.run();
        }
    }

    boolean needsReset() {
        return needsReset.get();
    }

    /** The device was reset. */
    void wasReset() {
        needsReset.set(false);
    }

    /** The front end knows no more than that a device has failed. */
    @Override
    public void lost(String reason) {
        LOG.log(System.Logger.Level.ERROR, reason);
        failed();
    }

    @Override
    public SharedMemoryWindow sharedMemory(int id) {
        throw new VmmException("a device that shows files to its driver cannot be served over vhost-user yet");
    }

    @Override
    public synchronized void close() {
        if (connection != null) {
            connection.close();
            connection = null;
        }
    }
}
