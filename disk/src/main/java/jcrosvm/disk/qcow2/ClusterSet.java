package jcrosvm.disk.qcow2;

import java.util.Arrays;

/** Clusters of the file that hold tables: guest data must never go there. Guarded by the image's lock. */
final class ClusterSet {
    private long[] slots = new long[64];
    private int size;

    ClusterSet() {
        Arrays.fill(slots, -1);
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
        if (++size * 2 > slots.length) {
            long[] old = slots;
            slots = new long[2 * old.length];
            Arrays.fill(slots, -1);
            for (long c : old) {
                if (c != -1) {
                    insert(c);
                }
            }
        }
        insert(cluster);
        return true;
    }

    /** Whether none of them was in yet. */
    boolean addAll(long first, long count) {
        boolean all = true;
        for (long c = first; c < first + count; c++) {
            all &= add(c);
        }
        return all;
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
