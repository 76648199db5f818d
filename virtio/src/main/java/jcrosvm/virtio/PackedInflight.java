package jcrosvm.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntUnaryOperator;

/**
 * The notes of a packed ring in its {@link InflightRegion}: copies of the descriptors of requests in flight, since the device
 * itself overwrites them in the ring. Entries are linked: those of each request, and those that are free. Fields whose names
 * begin with "old" hold what the driver was shown last; they follow when it has been shown more.
 */
final class PackedInflight {
    private static final long HEADER = 32;
    private static final long ENTRY = 32;
    private static final int VERSION = 1;

    private static final long AT_VERSION = 8;
    private static final long AT_SIZE = 10;
    /** The first free entry, and behind it the old one: written by one store, as the four behind them. */
    private static final long AT_FREE = 12;

    private static final long AT_OLD_FREE = 14;
    private static final long AT_USED = 16;
    private static final long AT_OLD_USED = 18;
    private static final long AT_WRAP = 20;
    private static final long AT_OLD_WRAP = 21;
    /** Within an entry, as those below. */
    private static final long NEXT = 2;

    private static final long LAST = 4;
    private static final long COUNT = 6;
    private static final long COUNTER = 8;
    private static final long ID = 16;
    private static final long FLAGS = 18;
    private static final long LENGTH = 20;
    private static final long ADDRESS = 24;

    private static final VarHandle BYTE = ValueLayout.JAVA_BYTE.varHandle();
    private static final VarHandle SHORT = ValueLayout.JAVA_SHORT.varHandle();
    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    /** A descriptor as the driver wrote it. */
    record Copy(long address, int length, int flags, int id) {}

    /**
     * A request that a device before had taken.
     *
     * @param head its first entry
     */
    record Request(int head, long counter, List<Copy> descriptors) {}

    private final MemorySegment region;
    private final int size;
    // What the region says too, but nothing else can write; of the ring's thread.
    private final int[] next;
    private final int[] last; // entry of a request, by its first
    private final int[] batch; // requests that are completed and not shown to the driver
    private int batchLength;
    private int free;
    private int head; // of the request that is being noted
    private int count;
    private int end;
    private long counter;

    PackedInflight(InflightRegion notes, int size) {
        region = notes.part(bytes(size));
        this.size = size;
        next = new int[size];
        last = new int[size];
        batch = new int[size];
    }

    static long bytes(int size) {
        return HEADER + ENTRY * size;
    }

    /** Whether a device has noted something here before. */
    boolean isUsed() {
        return getShort(AT_VERSION) != 0;
    }

    /** Begins to note, with nothing in flight. */
    void begin(int usedSlot, boolean usedWrap) {
        for (int entry = 0; entry < size; entry++) {
            link(entry, entry + 1);
            clear(entry);
        }
        free = 0;
        setShort(AT_SIZE, size);
        free(0, 0);
        used(usedSlot, usedWrap, usedSlot, usedWrap);
        setShort(AT_VERSION, VERSION);
    }

    /** The device has stopped with nothing in flight. */
    void erase() {
        setShort(AT_VERSION, 0);
    }

    /** Slot of the next completion; after {@link #recover}. */
    int usedSlot() {
        return getShort(AT_USED);
    }

    boolean usedWrap() {
        return getByte(AT_WRAP) != 0;
    }

    /**
     * Begins to note where a device before has ended, and tells what that has left, in the order in which it took it.
     *
     * @param flags of a slot of the ring
     * @throws DescriptorException when the notes are not those of such a ring
     */
    List<Request> recover(IntUnaryOperator flags) {
        if (getShort(AT_VERSION) != VERSION || getShort(AT_SIZE) != size) {
            throw new DescriptorException("the notes of requests in flight are of version %d and a ring of %d, not %d"
                    .formatted(getShort(AT_VERSION), getShort(AT_SIZE), size));
        }
        settle(flags);
        boolean[] isFree = freeEntries();
        List<Request> left = new ArrayList<>();
        int entries = 0;
        for (int entry = 0; entry < size; entry++) {
            if (isFree[entry]) {
                clear(entry);
            } else if (getByte(entry(entry)) != 0) {
                Request request = request(entry, isFree);
                entries += request.descriptors.size();
                counter = Math.max(counter, request.counter + 1);
                left.add(request);
            }
        }
        if (entries > size) {
            throw bad(entries + " descriptors of a ring of " + size);
        }
        left.sort(Comparator.comparingLong(Request::counter));
        return left;
    }

    /** A device may have ended between showing the driver something and noting that. */
    private void settle(IntUnaryOperator flags) {
        int slot = getShort(AT_OLD_USED);
        boolean wrap = getByte(AT_OLD_WRAP) != 0;
        requireEntry(slot);
        requireEntry(getShort(AT_USED));
        boolean isShown = false;
        if (slot != getShort(AT_USED) || wrap != usedWrap()) {
            isShown = !PackedVirtqueue.isAvailable(flags.applyAsInt(slot), wrap);
        }
        int first = getShort(isShown ? AT_FREE : AT_OLD_FREE);
        int used = isShown ? getShort(AT_USED) : slot;
        boolean usedWrap = isShown ? usedWrap() : wrap;
        free(first, first);
        used(used, usedWrap, used, usedWrap);
    }

    private boolean[] freeEntries() {
        boolean[] isFree = new boolean[size];
        free = getShort(AT_FREE);
        for (int entry = free; entry < size; entry = next[entry]) {
            if (isFree[entry]) {
                throw bad("a circle of free entries");
            }
            isFree[entry] = true;
            next[entry] = getShort(entry(entry) + NEXT);
        }
        return isFree;
    }

    private Request request(int first, boolean[] isFree) {
        int length = getShort(entry(first) + COUNT);
        if (length < 1 || length > size) {
            throw bad("a request of " + length + " descriptors");
        }
        List<Copy> copies = new ArrayList<>();
        int entry = first;
        for (int i = 0; i < length; i++) {
            requireEntry(entry);
            if (isFree[entry]) {
                throw bad("entry " + entry + " is free and in flight");
            }
            long at = entry(entry);
            copies.add(new Copy(
                    (long) LONG.get(region, at + ADDRESS),
                    (int) INT.get(region, at + LENGTH),
                    getShort(at + FLAGS),
                    getShort(at + ID)));
            last[first] = entry;
            next[entry] = getShort(at + NEXT);
            entry = next[entry];
        }
        return new Request(first, (long) LONG.get(region, entry(first) + COUNTER), copies);
    }

    private void requireEntry(int entry) {
        if (entry >= size) {
            throw bad("entry " + entry + " of " + size);
        }
    }

    private static DescriptorException bad(String problem) {
        return new DescriptorException("the notes of requests in flight are bad: " + problem);
    }

    /** The device reads a descriptor; the first of a request, or one that follows. */
    void read(boolean isFirst, long address, int length, int flags, int id) {
        end = isFirst ? free : next[end];
        if (end >= size) {
            throw bad("no entry is free");
        }
        long at = entry(end);
        if (isFirst) {
            head = end;
            count = 0;
            LONG.setRelease(region, at + COUNTER, counter++);
            BYTE.setRelease(region, at, (byte) 1);
        }
        LONG.setRelease(region, at + ADDRESS, address);
        INT.setRelease(region, at + LENGTH, length);
        setShort(at + FLAGS, flags);
        setShort(at + ID, id);
        count++;
    }

    /** The device has read all of a request and takes it; its first entry. */
    int taken() {
        last[head] = end;
        setShort(entry(head) + LAST, end);
        setShort(entry(head) + COUNT, count);
        free = next[end];
        free(free, free); // only from here on it is in flight
        return head;
    }

    /** The device has put the request back that it took last. */
    void untaken(int first) {
        free = first;
        free(free, free);
        clear(first);
    }

    /** The device has completed a request, which the driver cannot see yet. */
    void completed(int first) {
        batch[batchLength++] = first;
    }

    /** The driver is about to be shown all that was completed, from one position to the other. */
    void showing(int oldSlot, boolean oldWrap, int slot, boolean wrap) {
        int before = free;
        for (int i = 0; i < batchLength; i++) {
            link(last[batch[i]], free);
            free = batch[i];
        }
        free(free, before);
        used(slot, wrap, oldSlot, oldWrap);
    }

    /** The driver has been shown it. */
    void shown(int slot, boolean wrap) {
        for (int i = 0; i < batchLength; i++) {
            clear(batch[i]);
        }
        batchLength = 0;
        free(free, free);
        used(slot, wrap, slot, wrap);
    }

    private void link(int entry, int to) {
        next[entry] = to;
        setShort(entry(entry) + NEXT, to);
    }

    private void free(int entry, int old) {
        INT.setRelease(region, AT_FREE, entry | old << 16);
    }

    private void used(int slot, boolean wrap, int oldSlot, boolean oldWrap) {
        long wraps = (wrap ? 1 : 0) | (oldWrap ? 1 << 8 : 0);
        LONG.setRelease(region, AT_USED, slot | (long) oldSlot << 16 | wraps << 32);
    }

    private void clear(int entry) {
        BYTE.setRelease(region, entry(entry), (byte) 0);
    }

    private static long entry(int entry) {
        return HEADER + ENTRY * entry;
    }

    private int getByte(long at) {
        return (byte) BYTE.get(region, at);
    }

    private int getShort(long at) {
        return (short) SHORT.get(region, at) & 0xffff;
    }

    private void setShort(long at, int value) {
        SHORT.setRelease(region, at, (short) value);
    }
}
