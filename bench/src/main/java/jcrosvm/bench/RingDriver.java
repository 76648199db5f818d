package jcrosvm.bench;

import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.VirtioFeatures;

/**
 * A driver that offers the same block requests again and again, as cheaply as can be: a header to read, a page and a
 * status byte to write.
 */
final class RingDriver {
    static final int SIZE = 256;
    private static final int PIECES = 3;
    private static final int[] LENGTHS = {16, 4096, 1};
    private static final int[] FLAGS = {0, 2, 2};
    private static final long TABLES = 0x10000;
    private static final long DATA = 0x100000;
    private static final int AVAILABLE = 1 << 7;
    private static final int USED = 1 << 15;

    final QueueLayout layout = new QueueLayout(SIZE, 0x1000, 0x4000, 0x6000);
    private final GuestMemory memory;
    private final boolean packed;
    private final boolean indirect;
    private final long used;
    private int available; // index of a split ring, slot of a packed one
    private boolean wrap = true;
    private int completed;
    private int slot;
    private boolean usedWrap = true;

    RingDriver(GuestMemory memory, long features) {
        this.memory = memory;
        packed = (features & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0;
        indirect = (features & VirtioFeatures.VIRTIO_F_INDIRECT_DESC) != 0;
        used = layout.device() + 2;
        for (int request = 0; request < most(); request++) {
            if (indirect) {
                chain(TABLES + 64L * request, request, 0);
                descriptor(layout.descriptors() + 16L * request, TABLES + 64L * request, 16 * PIECES, 4, 0);
            } else {
                chain(layout.descriptors() + 16L * PIECES * request, request, PIECES * request);
            }
        }
        for (int i = 0; !packed && i < SIZE; i++) {
            memory.putShort(layout.driver() + 4 + 2L * i, (short) (i % most() * (indirect ? 1 : PIECES)));
        }
    }

    /** Requests that fit. */
    int most() {
        return indirect ? SIZE : 64;
    }

    private void chain(long at, int request, int first) {
        for (int i = 0; i < PIECES; i++) {
            int next = i + 1 < PIECES ? 1 : 0;
            descriptor(at + 16L * i, data(request, i), LENGTHS[i], FLAGS[i] | (packed ? 0 : next), first + i + 1);
        }
    }

    private static long data(int request, int piece) {
        return DATA + 8192L * request + 32L * piece + (piece == 2 ? 4096 : 0);
    }

    private void descriptor(long at, long address, int length, int flags, int next) {
        memory.putLong(at, address);
        memory.putInt(at + 8, length);
        memory.putShort(at + 12, (short) (packed ? 0 : flags));
        memory.putShort(at + 14, (short) (packed ? flags : next));
    }

    /** Makes requests available; all before are completed. */
    void offer(int requests) {
        if (!packed) {
            available += requests;
            memory.storeReleaseShort(layout.driver() + 2, (short) available);
            return;
        }
        for (int request = 0; request < requests; request++) {
            long head = layout.descriptors() + 16L * available;
            int headFlags = 0;
            int pieces = indirect ? 1 : PIECES;
            for (int i = 0; i < pieces; i++) {
                long at = layout.descriptors() + 16L * available;
                memory.putLong(at, indirect ? TABLES + 64L * request : data(request, i));
                memory.putInt(at + 8, indirect ? 16 * PIECES : LENGTHS[i]);
                memory.putShort(at + 12, (short) request);
                int flags = (indirect ? 4 : FLAGS[i] | (i + 1 < pieces ? 1 : 0)) | (wrap ? AVAILABLE : USED);
                if (i == 0) {
                    headFlags = flags;
                } else {
                    memory.putShort(at + 14, (short) flags);
                }
                if (++available == SIZE) {
                    available = 0;
                    wrap = !wrap;
                }
            }
            memory.storeReleaseShort(head + 14, (short) headFlags);
        }
    }

    /** Takes what has come back; how many requests. */
    int take() {
        int taken = 0;
        if (!packed) {
            int index = memory.loadAcquireShort(used) & 0xffff;
            taken = index - completed & 0xffff;
            completed = index;
        } else {
            while (isUsed()) {
                taken++;
                slot += indirect ? 1 : PIECES;
                if (slot >= SIZE) {
                    slot -= SIZE;
                    usedWrap = !usedWrap;
                }
            }
        }
        return taken;
    }

    private boolean isUsed() {
        int flags = memory.loadAcquireShort(layout.descriptors() + 16L * slot + 14);
        return (flags & AVAILABLE) != 0 == usedWrap && (flags & USED) != 0 == usedWrap;
    }

    /** Asks for an interrupt at the next completion. */
    void wantInterrupt(boolean eventIdx) {
        if (packed) {
            int at = slot | (usedWrap ? 0x8000 : 0);
            memory.storeReleaseInt(layout.driver(), eventIdx ? 2 << 16 | at : 0);
        } else if (eventIdx) {
            memory.putShort(layout.driver() + 4 + 2L * SIZE, (short) completed);
        }
    }
}
