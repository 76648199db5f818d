package jcrosvm.virtio.relay;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.QueueLayout;
import org.jspecify.annotations.Nullable;

/**
 * The driver's side of a split ring (virtio 1.3, 2.7) whose device is a backend that is not trusted. Of one thread.
 * Nothing is allocated after it is made.
 *
 * <p>With VIRTIO_F_INDIRECT_DESC every request takes one descriptor, so that as many fit as in the driver's own ring: its
 * buffers are listed in a table that belongs to that descriptor, or, if they are many, in the one long table.
 */
final class ShadowRing {
    private static final int DESCRIPTOR = 16;
    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;
    private static final short NO_NOTIFY = 1;
    /** Entries of each descriptor's own table. */
    private static final int TABLE = 64;

    private static final int ALIGNMENT = 4096;
    private static final int NONE = -1;

    private static final VarHandle SHORT = ValueLayout.JAVA_SHORT.varHandle();
    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final int size;
    private final boolean indirect;
    private final QueueLayout layout;
    private final MemorySegment descriptors;
    private final MemorySegment available;
    private final MemorySegment used;
    private final MemorySegment tables;
    private final long tablesAddress;

    /** The requests that the backend has, each under the number of its first descriptor. */
    private final @Nullable DescriptorChain[] requests;
    /** For each descriptor in use or free, the one behind it. */
    private final int[] next;

    private int firstFree;
    private int freeCount;
    private int longTableOf = NONE;
    private int nextAvailable;
    private int shownAvailable;
    private int nextUsed;
    private int written;

    /** Bytes that a ring takes, with its tables. */
    static long bytes(int size) {
        return roundUp(tablesOffset(size) + (long) DESCRIPTOR * (TABLE * size + DescriptorChain.MAX_BUFFERS));
    }

    private static long usedOffset(int size) {
        return 18L * size + 8 & -4L;
    }

    private static long tablesOffset(int size) {
        return usedOffset(size) + 8L * size + 8 + 15 & -16L;
    }

    private static long roundUp(long length) {
        return length + ALIGNMENT - 1 & -ALIGNMENT;
    }

    /**
     * @param memory that the backend sees
     * @param address of {@link #bytes} zeroed bytes that nothing else uses
     * @param size entries, a power of two
     * @param indirect whether the backend was offered VIRTIO_F_INDIRECT_DESC
     */
    ShadowRing(GuestMemory memory, long address, int size, boolean indirect) {
        this.size = size;
        this.indirect = indirect;
        layout = new QueueLayout(size, address, address + 16L * size, address + usedOffset(size));
        descriptors = memory.slice(layout.descriptors(), 16L * size);
        available = memory.slice(layout.driver(), 6 + 2L * size);
        used = memory.slice(layout.device(), 6 + 8L * size);
        tablesAddress = address + tablesOffset(size);
        tables = memory.slice(tablesAddress, (long) DESCRIPTOR * (TABLE * size + DescriptorChain.MAX_BUFFERS));
        requests = new DescriptorChain[size];
        next = new int[size];
        for (int i = 0; i < size; i++) {
            next[i] = i + 1;
        }
        freeCount = size;
    }

    QueueLayout layout() {
        return layout;
    }

    /** Makes a request available, which the backend sees after {@link #publish}; false when it does not fit now. */
    boolean add(DescriptorChain request) {
        int buffers = request.buffers();
        boolean table = indirect && buffers > 1;
        int needed = descriptors(request);
        if (needed > freeCount || table && buffers > TABLE && longTableOf != NONE) {
            return false;
        }
        int head = firstFree;
        if (table) {
            long at = (long) DESCRIPTOR * TABLE * (buffers > TABLE ? size : head);
            for (int i = 0; i < buffers; i++) {
                put(tables, at + (long) DESCRIPTOR * i, request, i, i + 1);
            }
            LONG.set(descriptors, (long) DESCRIPTOR * head, tablesAddress + at);
            LONG.set(descriptors, (long) DESCRIPTOR * head + 8, (long) INDIRECT << 32 | (long) DESCRIPTOR * buffers);
            longTableOf = buffers > TABLE ? head : longTableOf;
        } else if (buffers == 0) {
            LONG.set(descriptors, (long) DESCRIPTOR * head, 0L);
            LONG.set(descriptors, (long) DESCRIPTOR * head + 8, 0L);
        } else {
            int at = head;
            for (int i = 0; i < buffers; i++) {
                put(descriptors, (long) DESCRIPTOR * at, request, i, next[at]);
                at = next[at];
            }
        }
        for (int i = 0; i < needed; i++) {
            firstFree = next[firstFree];
        }
        freeCount -= needed;
        requests[head] = request;
        SHORT.set(available, 4 + 2L * (nextAvailable & size - 1), (short) head);
        nextAvailable = nextAvailable + 1 & 0xffff;
        return true;
    }

    /** How many a request takes: one too when all its buffers are empty. */
    private int descriptors(DescriptorChain request) {
        return indirect ? 1 : Math.max(1, request.buffers());
    }

    private static void put(MemorySegment table, long at, DescriptorChain request, int buffer, int behind) {
        boolean last = buffer == request.buffers() - 1;
        int flags = (buffer >= request.readableBuffers() ? WRITE : 0) | (last ? 0 : NEXT);
        LONG.set(table, at, request.address(buffer));
        INT.set(table, at + 8, request.length(buffer));
        INT.set(table, at + 12, flags | (last ? 0 : behind << 16));
    }

    /** Shows the backend what was added; whether it is to be kicked. */
    boolean publish() {
        if (shownAvailable == nextAvailable) {
            return false;
        }
        SHORT.setRelease(available, 2L, (short) nextAvailable);
        shownAvailable = nextAvailable;
        VarHandle.fullFence(); // the index must be seen before we look whether a kick is wanted
        return ((short) SHORT.get(used, 0L) & NO_NOTIFY) == 0;
    }

    /**
     * Takes the next request that the backend has completed, or null when there is none now.
     *
     * @throws DescriptorException when it completes what it was not given
     */
    @Nullable
    DescriptorChain take() {
        int shown = (short) SHORT.getAcquire(used, 2L) & 0xffff;
        if (shown == nextUsed) {
            return null;
        }
        long entry = 4 + 8L * (nextUsed & size - 1);
        int head = (int) INT.get(used, entry);
        written = (int) INT.get(used, entry + 4);
        DescriptorChain request = head < 0 || head >= size ? null : requests[head];
        if (request == null) {
            throw new DescriptorException(
                    "the backend completed request " + (head & 0xffffffffL) + ", which it was not given, or not again");
        }
        requests[head] = null;
        nextUsed = nextUsed + 1 & 0xffff;
        free(head, descriptors(request));
        return request;
    }

    private void free(int head, int count) {
        if (longTableOf == head) {
            longTableOf = NONE;
        }
        int last = head;
        for (int i = 1; i < count; i++) {
            last = next[last];
        }
        next[last] = firstFree;
        firstFree = head;
        freeCount += count;
    }

    /** What the backend says it has written into the request that was taken last, bytes, unsigned. */
    int written() {
        return written;
    }

    /** How many requests were made available from a position of the available ring on. */
    int behind(int position) {
        return nextAvailable - position & 0xffff;
    }
}
