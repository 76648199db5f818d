package jcrosvm.vhostuser.backend;

import jcrosvm.base.LimitedLog;
import jcrosvm.base.OsException;
import jcrosvm.base.io.EventFd;
import org.jspecify.annotations.Nullable;

/** An event of the front end's that is signalled, if there is one now. Any thread may signal while another replaces it. */
final class PeerEvent implements AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(PeerEvent.class);

    private @Nullable EventFd event; // guarded by this

    /** Owns the event from here on, and closes the one before; null for none. */
    synchronized void replace(@Nullable EventFd next) {
        if (event != null) {
            event.close();
        }
        event = next;
    }

    synchronized void signal() {
        if (event == null) {
            return;
        }
        try {
            event.signal();
        } catch (OsException e) { // it is no event, or gone: the front end's loss
            LOG.log(System.Logger.Level.WARNING, "an event of the front end takes no signal: " + e.getMessage());
        }
    }

    /** For the kernel or another process; only while it is not replaced. */
    synchronized @Nullable EventFd event() {
        return event;
    }

    @Override
    public void close() {
        replace(null);
    }
}
