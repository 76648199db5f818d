package jcrosvm.vhostuser.backend;

import jcrosvm.base.LimitedLog;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.Message;
import jcrosvm.vhostuser.Payload;
import org.jspecify.annotations.Nullable;

/** The front end's requests for the state of the device: one transfer at a time. */
final class StateRequests implements AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(StateRequests.class);

    private final Rings rings;
    private final String unsavable;
    private final String peer;
    private @Nullable StateTransfer transfer;
    private boolean isLoading;

    /** @param unsavable why the device's state cannot be saved; empty when it can */
    StateRequests(Rings rings, String unsavable, String peer) {
        this.rings = rings;
        this.unsavable = unsavable;
        this.peer = peer;
    }

    boolean begin(Message message) {
        Payload.StateTransfer asked = message.payload(Payload.StateTransfer.class);
        try {
            close();
            if (!unsavable.isEmpty()) {
                throw new VmmException("it was not offered: " + unsavable);
            }
            if (asked.phase() != 0 || (asked.direction() & ~1) != 0) {
                throw new VmmException("phase %d, direction %d".formatted(asked.phase(), asked.direction()));
            }
            isLoading = asked.direction() == Payload.StateTransfer.LOAD;
            byte[] state = isLoading ? new byte[0] : rings.save();
            Fd file = Descriptors.takeNonBlocking(message);
            transfer = isLoading ? StateTransfer.load(file) : StateTransfer.save(state, file);
            return true;
        } catch (VmmException e) {
            LOG.log(System.Logger.Level.WARNING, peer + " cannot transfer the state: " + e.getMessage());
            return false;
        }
    }

    boolean end() {
        try {
            byte[] state = end(Connection.TIMEOUT_MILLIS);
            if (state == null) {
                throw new VmmException("no transfer was begun");
            }
            if (isLoading) {
                rings.restore(state);
            }
            return true;
        } catch (VmmException e) {
            LOG.log(System.Logger.Level.WARNING, peer + " cannot transfer the state: " + e.getMessage());
            return false;
        }
    }

    /** What the transfer has read; null when there was none. */
    private byte @Nullable [] end(int timeoutMillis) {
        StateTransfer ending = transfer;
        transfer = null;
        if (ending == null) {
            return null;
        }
        try (ending) {
            return ending.end(timeoutMillis);
        }
    }

    /** Gives up what has not ended. */
    @Override
    public void close() {
        if (transfer != null) {
            transfer.close();
            transfer = null;
        }
    }
}
