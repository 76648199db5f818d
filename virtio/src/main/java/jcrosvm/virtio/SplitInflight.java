package jcrosvm.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * The notes of a split ring in its {@link InflightRegion}: for each head of a chain whether it is in flight, in which order it
 * was taken, and which were completed last.
 */
final class SplitInflight {
    private static final long HEADER = 16;
    private static final long ENTRY = 16;

    private static final int VERSION = 1;
    private static final long AT_VERSION = 8;
    private static final long AT_SIZE = 10;
    private static final long AT_LAST_BATCH = 12;
    private static final long AT_USED_INDEX = 14;
    /** Within an entry. */
    private static final long AT_NEXT = 6;

    private static final long AT_COUNTER = 8;

    private static final VarHandle BYTE = ValueLayout.JAVA_BYTE.varHandle();
    private static final VarHandle SHORT = ValueLayout.JAVA_SHORT.varHandle();
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final MemorySegment region;
    private final int size;
    /** Heads that are completed and not shown to the driver yet; of the ring's thread. */
    private final int[] batch;

    private int batchLength;
    private long counter;

    SplitInflight(InflightRegion notes, int size) {
        region = notes.part(bytes(size));
        this.size = size;
        batch = new int[size];
    }

    static long bytes(int size) {
        return HEADER + ENTRY * size;
    }

    /** Whether a device has noted something here before. */
    boolean isUsed() {
        return getShort(AT_VERSION) != 0;
    }

    /**
     * Begins to note, and tells what a device before has left: heads of chains, in the order in which it took them.
     *
     * @param usedIndex of the used ring
     * @throws DescriptorException when the notes are not those of such a ring
     */
    int[] recover(int usedIndex) {
        batchLength = 0;
        if (!isUsed()) {
            setShort(AT_SIZE, size);
            setShort(AT_USED_INDEX, usedIndex);
            setShort(AT_VERSION, VERSION);
            return new int[0];
        }
        if (getShort(AT_VERSION) != VERSION || getShort(AT_SIZE) != size) {
            throw new DescriptorException("the notes of requests in flight are of version %d and a ring of %d, not %d"
                    .formatted(getShort(AT_VERSION), getShort(AT_SIZE), size));
        }
        int shown = usedIndex - getShort(AT_USED_INDEX) & 0xffff;
        if (shown > size) {
            throw new DescriptorException("the notes of requests in flight are " + shown + " completions behind");
        }
        endLastBatch(shown);
        setShort(AT_USED_INDEX, usedIndex);
        return heads();
    }

    /** The device has stopped with nothing in flight. */
    void erase() {
        setShort(AT_VERSION, 0);
    }

    /** The driver may have been shown requests that are still noted. */
    private void endLastBatch(int shown) {
        int head = getShort(AT_LAST_BATCH);
        for (int i = 0; i < shown; i++) {
            requireHead(head);
            clear(head);
            head = getShort(entry(head) + AT_NEXT);
        }
    }

    private void requireHead(int head) {
        if (head >= size) {
            throw new DescriptorException("the notes of requests in flight name descriptor " + head + " of " + size);
        }
    }

    private int[] heads() {
        long[] counters = new long[size]; // read once: the other side may change them
        boolean[] marked = new boolean[size];
        for (int head = 0; head < size; head++) {
            marked[head] = (byte) BYTE.get(region, entry(head)) != 0;
            counters[head] = (long) LONG.get(region, entry(head) + AT_COUNTER);
            if (marked[head]) {
                counter = Math.max(counter, counters[head] + 1);
            }
        }
        return IntStream.range(0, size)
                .filter(head -> marked[head])
                .boxed()
                .sorted(Comparator.comparingLong(head -> counters[head]))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** The device has taken a request. */
    void taken(int head) {
        LONG.setRelease(region, entry(head) + AT_COUNTER, counter++);
        BYTE.setRelease(region, entry(head), (byte) 1);
    }

    /** The device has put the request back that it took last. */
    void untaken(int head) {
        clear(head);
    }

    /**
     * The device has written a request's entry of the used ring, which the driver cannot see yet.
     *
     * @throws DescriptorException when the driver has given more requests than the ring has entries, and seen none come back
     */
    void completed(int head) {
        if (batchLength == size) {
            throw new DescriptorException("more than " + size + " requests at a time in a ring of " + size);
        }
        SHORT.setRelease(region, entry(head) + AT_NEXT, (short) getShort(AT_LAST_BATCH));
        setShort(AT_LAST_BATCH, head);
        batch[batchLength++] = head;
    }

    /** The driver has been shown all that was completed. */
    void shown(int usedIndex) {
        for (int i = 0; i < batchLength; i++) {
            clear(batch[i]);
        }
        batchLength = 0;
        setShort(AT_USED_INDEX, usedIndex);
    }

    private void clear(int head) {
        BYTE.setRelease(region, entry(head), (byte) 0);
    }

    private static long entry(int head) {
        return HEADER + ENTRY * head;
    }

    private int getShort(long at) {
        return (short) SHORT.get(region, at) & 0xffff;
    }

    private void setShort(long at, int value) {
        SHORT.setRelease(region, at, (short) value);
    }
}
