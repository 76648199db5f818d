package jcrosvm.vhostuser.backend;

import jcrosvm.base.io.EventFd;
import jcrosvm.virtio.Interrupt;
import org.jspecify.annotations.Nullable;

/** How a ring reaches its driver. Without a call event the front end looks at the ring itself. */
final class RingInterrupt implements Interrupt, AutoCloseable {
    final PeerEvent call = new PeerEvent();
    final PeerEvent error = new PeerEvent();
    private final Runnable needsReset;
    private @Nullable EventFd unheard; // stands in for a call event that there is not; both guarded by this
    private boolean isHandedOut;

    /** @param needsReset told when the device cannot go on */
    RingInterrupt(Runnable needsReset) {
        this.needsReset = needsReset;
    }

    @Override
    public void signal() {
        call.signal();
    }

    @Override
    public void failed() {
        needsReset.run();
        error.signal();
    }

    @Override
    public synchronized EventFd callEvent() {
        isHandedOut = true;
        EventFd event = call.event() == null ? unheard : call.event();
        if (event == null) {
            event = new EventFd();
            unheard = event;
        }
        return event;
    }

    /** Whether {@link #callEvent} was given away: then another event needs another start of the ring. */
    synchronized boolean isHandedOut() {
        return isHandedOut;
    }

    /** The ring has stopped, and with it all use of {@link #callEvent}. */
    synchronized void stopped() {
        isHandedOut = false;
    }

    @Override
    public synchronized void close() {
        call.close();
        error.close();
        if (unheard != null) {
            unheard.close();
        }
        unheard = null;
    }
}
