package jcrosvm.vhostuser.backend;

import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.vhostuser.Payload.VringAddress;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueState;
import org.jspecify.annotations.Nullable;

/** A queue as the front end has described it so far ("Ring states"). */
final class Ring implements AutoCloseable {
    private static final int USED_INDEX = 2;

    final int index;
    final RingInterrupt interrupt;
    int size;

    @Nullable
    VringAddress address;

    @Nullable
    EventFd kick;

    boolean isEnabled;
    /** The device works on it. */
    boolean isRunning;
    /** The device could not start it, and does not try again before the front end has changed something. */
    boolean isBroken;

    private @Nullable QueueState state; // where it stopped
    private int base; // else where the front end has it begin, in the form of SET_VRING_BASE
    private boolean hasBase;

    Ring(int index, Runnable needsReset) {
        this.index = index;
        interrupt = new RingInterrupt(needsReset);
    }

    boolean isComplete() {
        return size != 0 && address != null && kick != null;
    }

    /** Where the ring is, in guest physical addresses. It is complete. */
    QueueLayout layout(MemoryTable memory) {
        VringAddress at = address;
        if (at == null) {
            throw new IllegalStateException("ring " + index + " has no address");
        }
        return new QueueLayout(
                size,
                memory.guestAddress(at.descriptors()),
                memory.guestAddress(at.available()),
                memory.guestAddress(at.used()));
    }

    /** The front end says where to begin. */
    void base(int value) {
        base = value;
        hasBase = true;
        state = null;
    }

    /** The device has stopped here; null when it does not know. */
    void stoppedAt(@Nullable QueueState at) {
        isRunning = false;
        interrupt.stopped();
        if (at != null) {
            state = at;
        }
    }

    /** Where to begin. Of a split ring the front end knows no more than what to take next; the used ring has the rest. */
    QueueState state(boolean isPacked, QueueLayout layout, GuestMemory memory) {
        if (state != null) {
            return state;
        }
        if (isPacked) {
            return hasBase ? new QueueState(base & 0xffff, base >>> 16) : QueueState.PACKED;
        }
        return new QueueState(base & 0xffff, memory.getShort(layout.device() + USED_INDEX) & 0xffff);
    }

    /** Where it stands, for GET_VRING_BASE. */
    int base(boolean isPacked) {
        if (state == null) {
            return hasBase || !isPacked ? base : 1 << 15 | 1 << 31;
        }
        return isPacked ? state.available() | state.used() << 16 : state.available();
    }

    /** Forgets how to reach the device: the front end begins the ring anew, from where it stands. */
    void dropKick() {
        if (kick != null) {
            kick.close();
            kick = null;
        }
    }

    /** Forgets all but the events to the driver. */
    void reset() {
        dropKick();
        size = 0;
        address = null;
        isEnabled = false;
        isBroken = false;
        state = null;
        base = 0;
        hasBase = false;
    }

    @Override
    public void close() {
        reset();
        interrupt.close();
    }
}
