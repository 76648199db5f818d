package jcrosvm.disk.qcow2;

import java.util.Arrays;
import java.util.function.LongConsumer;

/** Clusters of the file that hold tables: guest data must never go there. Guarded by the image's lock. */
final class ClusterSet {
    private final LongConsumer reserve;
    private long[] slots = new long[64];
    private int size;

    /** @param reserve counts memory before it grows, and may throw */
    ClusterSet(LongConsumer reserve) {
        this.reserve = reserve;
        Arrays.fill(slots, -1);
    }

    /** Makes room for so many clusters, so that none of them needs memory any more. */
    void expect(long clusters) {
        long wanted = slots.length;
        while (wanted < 2 * clusters) {
            wanted *= 2;
        }
        if (wanted > slots.length) {
            grow(wanted);
        }
    }

    private void grow(long length) {
        reserve.accept(8 * length);
        long[] old = slots;
        slots = new long[Math.toIntExact(length)];
        Arrays.fill(slots, -1);
        for (long c : old) {
            if (c != -1) {
                insert(c);
            }
        }
        reserve.accept(-8L * (old.length == 64 ? 0 : old.length));
    }

    boolean contains(long cluster) {
        for (int i = home(cluster); slots[i] != -1; i = i + 1 & slots.length - 1) {
            if (slots[i] == cluster) {
                return true;
            }
        }
        return false;
    }

    /** Whether it was not in yet. */
    boolean add(long cluster) {
        if (contains(cluster)) {
            return false;
        }
        if ((size + 1) * 2 > slots.length) {
            grow(2L * slots.length);
        }
        size++;
        insert(cluster);
        return true;
    }

    /** Whether none of them was in yet; it ends with the first one that was. */
    boolean addAll(long first, long count) {
        for (long c = first; c < first + count; c++) {
            if (!add(c)) {
                return false;
            }
        }
        return true;
    }

    void remove(long cluster) {
        int i = home(cluster);
        while (slots[i] != cluster) {
            if (slots[i] == -1) {
                return;
            }
            i = i + 1 & slots.length - 1;
        }
        slots[i] = -1;
        size--;
        // What was pushed past the gap moves back.
        for (int j = i + 1 & slots.length - 1; slots[j] != -1; j = j + 1 & slots.length - 1) {
            long moved = slots[j];
            slots[j] = -1;
            insert(moved);
        }
    }

    private void insert(long cluster) {
        int i = home(cluster);
        while (slots[i] != -1) {
            i = i + 1 & slots.length - 1;
        }
        slots[i] = cluster;
    }

    private int home(long cluster) {
        return (int) (cluster * 0x9e37_79b9_7f4a_7c15L >>> 32) & slots.length - 1;
    }
}
