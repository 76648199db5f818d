package jcrosvm.testkit;

import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.memory.GuestMemory;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueState;
import org.jspecify.annotations.Nullable;

/** A split ring from the driver's side (virtio 1.3, 2.7). */
final class SplitDriverRing extends DriverRing {
    private final ArrayDeque<Integer> free = new ArrayDeque<>();
    private final Map<Integer, List<Integer>> chains = new HashMap<>();
    private int nextAvailable;
    private int nextUsed;
    private int kickedUpTo;

    SplitDriverRing(GuestMemory memory, QueueLayout layout, boolean eventIdx) {
        super(memory, layout, eventIdx);
        for (int i = 0; i < size; i++) {
            free.add(i);
        }
    }

    @Override
    QueueState initialState() {
        return QueueState.SPLIT;
    }

    @Override
    int room() {
        return free.size();
    }

    @Override
    int submit(List<Buffer> buffers, int flags) {
        List<Integer> taken = new ArrayList<>();
        for (int i = 0; i < buffers.size(); i++) {
            taken.add(free.removeFirst());
        }
        for (int i = 0; i < buffers.size(); i++) {
            Buffer buffer = buffers.get(i);
            boolean chained = i + 1 < buffers.size();
            descriptor(
                    layout.descriptors() + 16L * taken.get(i),
                    buffer.address(),
                    buffer.length(),
                    flags | flags(buffer, chained),
                    chained ? taken.get(i + 1) : 0);
        }
        int head = taken.getFirst();
        chains.put(head, taken);
        available(head);
        return head;
    }

    @Override
    void descriptor(long at, long address, int length, int flags, int nextOrId) {
        memory.putLong(at, address);
        memory.putInt(at + 8, length);
        memory.putShort(at + 12, (short) flags);
        memory.putShort(at + 14, (short) nextOrId);
    }

    void available(int head) {
        memory.putShort(layout.driver() + 4 + 2L * (nextAvailable & size - 1), (short) head);
        nextAvailable = nextAvailable + 1 & 0xffff;
        memory.storeReleaseShort(layout.driver() + 2, (short) nextAvailable);
    }

    @Override
    @Nullable
    Used take() {
        int used = memory.loadAcquireShort(layout.device() + 2) & 0xffff;
        if (nextUsed == used) {
            return null;
        }
        long entry = layout.device() + 4 + 8L * (nextUsed & size - 1);
        int id = memory.getInt(entry);
        List<Integer> chain = chains.remove(id);
        if (chain == null) {
            throw new AssertionError("the device completed " + id + ", which it was not given");
        }
        free.addAll(chain);
        nextUsed = nextUsed + 1 & 0xffff;
        return new Used(id, memory.getInt(entry + 4));
    }

    @Override
    void enableInterrupts() {
        if (eventIdx) {
            memory.putShort(layout.driver() + 4 + 2L * size, (short) nextUsed);
        } else {
            memory.putShort(layout.driver(), (short) 0);
        }
        VarHandle.fullFence();
    }

    @Override
    void disableInterrupts() {
        if (eventIdx) {
            memory.putShort(layout.driver() + 4 + 2L * size, (short) (nextUsed - 1));
        } else {
            memory.putShort(layout.driver(), (short) 1);
        }
    }

    @Override
    boolean kickWanted() {
        VarHandle.fullFence();
        int before = kickedUpTo;
        kickedUpTo = nextAvailable;
        if (!eventIdx) {
            return (memory.loadAcquireShort(layout.device()) & 1) == 0;
        }
        int event = memory.loadAcquireShort(layout.device() + 4 + 8L * size);
        return (nextAvailable - event - 1 & 0xffff) < (nextAvailable - before & 0xffff);
    }
}
