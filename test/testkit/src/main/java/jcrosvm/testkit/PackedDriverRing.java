package jcrosvm.testkit;

import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.memory.GuestMemory;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueState;
import org.jspecify.annotations.Nullable;

/** A packed ring from the driver's side (virtio 1.3, 2.8). */
final class PackedDriverRing extends DriverRing {
    private static final int AVAILABLE = 1 << 7;
    private static final int USED = 1 << 15;

    private final ArrayDeque<Integer> freeIds = new ArrayDeque<>();
    private final Map<Integer, Integer> slotsOf = new HashMap<>();
    private int freeSlots;
    private int availableSlot;
    private boolean availableWrap = true;
    private int usedSlot;
    private boolean usedWrap = true;
    private int sinceKick;

    PackedDriverRing(GuestMemory memory, QueueLayout layout, boolean eventIdx) {
        super(memory, layout, eventIdx);
        freeSlots = size;
        for (int i = 0; i < size; i++) {
            freeIds.add(i);
        }
    }

    @Override
    QueueState initialState() {
        return QueueState.PACKED;
    }

    @Override
    int room() {
        return freeSlots;
    }

    @Override
    int submit(List<Buffer> buffers, int flags) {
        int id = freeIds.removeFirst();
        long head = layout.descriptors() + 16L * availableSlot;
        int headFlags = 0;
        for (int i = 0; i < buffers.size(); i++) {
            Buffer buffer = buffers.get(i);
            boolean last = i + 1 == buffers.size();
            int all = flags | flags(buffer, !last) | (availableWrap ? AVAILABLE : USED);
            long at = layout.descriptors() + 16L * availableSlot;
            memory.putLong(at, buffer.address());
            memory.putInt(at + 8, buffer.length());
            memory.putShort(at + 12, (short) (last ? id : 0xdead)); // only the last one's id means something
            if (i == 0) {
                headFlags = all;
            } else {
                memory.putShort(at + 14, (short) all);
            }
            if (++availableSlot == size) {
                availableSlot = 0;
                availableWrap = !availableWrap;
            }
        }
        memory.storeReleaseShort(head + 14, (short) headFlags);
        freeSlots -= buffers.size();
        sinceKick += buffers.size();
        slotsOf.put(id, buffers.size());
        return id;
    }

    @Override
    void descriptor(long at, long address, int length, int flags, int nextOrId) {
        memory.putLong(at, address);
        memory.putInt(at + 8, length);
        memory.putShort(at + 12, (short) nextOrId);
        memory.storeReleaseShort(at + 14, (short) flags);
    }

    @Override
    @Nullable
    Used take() {
        long at = layout.descriptors() + 16L * usedSlot;
        int flags = memory.loadAcquireShort(at + 14);
        if ((flags & AVAILABLE) != 0 != usedWrap || (flags & USED) != 0 != usedWrap) {
            return null;
        }
        int id = memory.getShort(at + 12) & 0xffff;
        int written = memory.getInt(at + 8);
        if ((flags & WRITE) == 0 && written != 0) {
            throw new AssertionError("a used descriptor without WRITE says that " + written + " bytes were written");
        }
        Integer slots = slotsOf.remove(id);
        if (slots == null) {
            throw new AssertionError("the device completed " + id + ", which it was not given");
        }
        freeIds.add(id);
        freeSlots += slots;
        usedSlot += slots;
        if (usedSlot >= size) {
            usedSlot -= size;
            usedWrap = !usedWrap;
        }
        return new Used(id, written);
    }

    private void event(int flags, int slot, boolean wrap) {
        memory.storeReleaseInt(layout.driver(), flags << 16 | (wrap ? 0x8000 : 0) | slot);
    }

    @Override
    void enableInterrupts() {
        event(eventIdx ? 2 : 0, usedSlot, usedWrap);
        VarHandle.fullFence();
    }

    @Override
    void disableInterrupts() {
        event(1, 0, false);
    }

    @Override
    boolean kickWanted() {
        VarHandle.fullFence();
        int added = sinceKick;
        sinceKick = 0;
        int event = memory.loadAcquireInt(layout.device());
        int flags = event >>> 16;
        if (flags != 2) {
            return flags == 0 && added > 0;
        }
        // Whether the slot is among those added: counted back from where the driver stands.
        int slot = event & 0x7fff;
        boolean wrap = (event & 0x8000) != 0;
        int behind = availableSlot - slot + (wrap == availableWrap ? 0 : size);
        return behind > 0 && behind <= added;
    }
}
