package jcrosvm.testkit;

import java.util.List;
import jcrosvm.memory.GuestMemory;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueState;
import org.jspecify.annotations.Nullable;

/** The driver's half of a ring: what differs between split and packed ones. */
abstract sealed class DriverRing permits SplitDriverRing, PackedDriverRing {
    static final int NEXT = 1;
    static final int WRITE = 2;
    static final int INDIRECT = 4;

    final GuestMemory memory;
    final QueueLayout layout;
    final int size;
    final boolean eventIdx;

    DriverRing(GuestMemory memory, QueueLayout layout, boolean eventIdx) {
        this.memory = memory;
        this.layout = layout;
        this.eventIdx = eventIdx;
        size = layout.size();
    }

    /**
     * What the device gave back.
     *
     * @param id as {@link #submit} gave it
     */
    record Used(int id, int written) {}

    abstract QueueState initialState();

    /** Descriptors that can be used now. */
    abstract int room();

    /** Makes a request available; {@code flags} go to every descriptor. Its id. */
    abstract int submit(List<Buffer> buffers, int flags);

    /** Writes an indirect table; how many bytes it takes. */
    final int writeTable(long at, List<Buffer> buffers) {
        for (int i = 0; i < buffers.size(); i++) {
            Buffer buffer = buffers.get(i);
            boolean chained = this instanceof SplitDriverRing && i + 1 < buffers.size();
            descriptor(at + 16L * i, buffer.address(), buffer.length(), flags(buffer, chained), chained ? i + 1 : 0);
        }
        return 16 * buffers.size();
    }

    static int flags(Buffer buffer, boolean chained) {
        return (chained ? NEXT : 0) | (buffer.writable() ? WRITE : 0);
    }

    /** Writes a descriptor; the last two fields are flags and next in a split ring, id and flags in a packed one. */
    abstract void descriptor(long at, long address, int length, int flags, int nextOrId);

    /** Takes the next completion; null when there is none. */
    abstract @Nullable Used take();

    /** Asks to be interrupted for the next completion; the caller looks for completions again after this. */
    abstract void enableInterrupts();

    abstract void disableInterrupts();

    /** Whether the device asked to be kicked for what became available since this was asked last. */
    abstract boolean kickWanted();
}
