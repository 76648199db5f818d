package jcrosvm.network.user;

/** Ranges of TCP's sequence numbers, apart and ascending; a few at most. */
final class SequenceRanges {
    private final int[] bounds;
    private int count;

    SequenceRanges(int most) {
        bounds = new int[2 * most];
    }

    int count() {
        return count;
    }

    boolean isEmpty() {
        return count == 0;
    }

    int start(int i) {
        return bounds[2 * i];
    }

    /** One behind the range. */
    int end(int i) {
        return bounds[2 * i + 1];
    }

    /** One behind the last range; only when there is one. */
    int last() {
        return bounds[2 * count - 1];
    }

    void clear() {
        count = 0;
    }

    /** Sequence numbers in them. */
    int length() {
        int length = 0;
        for (int i = 0; i < count; i++) {
            length += end(i) - start(i);
        }
        return length;
    }

    /** The first range that ends behind a place; {@link #count} when there is none. */
    int firstBehind(int sequence) {
        int i = 0;
        while (i < count && end(i) - sequence <= 0) {
            i++;
        }
        return i;
    }

    /** Adds a range; false when it would be one too many. */
    boolean add(int from, int to) {
        int first = 0;
        while (first < count && end(first) - from < 0) {
            first++;
        }
        int behind = first;
        int low = from;
        int high = to;
        while (behind < count && start(behind) - to <= 0) {
            low = start(behind) - low < 0 ? start(behind) : low;
            high = end(behind) - high > 0 ? end(behind) : high;
            behind++;
        }
        int change = 1 - (behind - first);
        if (count + change > bounds.length / 2) {
            return false;
        }
        System.arraycopy(bounds, 2 * behind, bounds, 2 * (behind + change), 2 * (count - behind));
        count += change;
        bounds[2 * first] = low;
        bounds[2 * first + 1] = high;
        return true;
    }

    /** Forgets what is in front of a place. */
    void dropBefore(int sequence) {
        int gone = firstBehind(sequence);
        count -= gone;
        System.arraycopy(bounds, 2 * gone, bounds, 0, 2 * count);
        if (count > 0 && bounds[0] - sequence < 0) {
            bounds[0] = sequence;
        }
    }
}
