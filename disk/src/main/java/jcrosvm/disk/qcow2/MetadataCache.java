package jcrosvm.disk.qcow2;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jcrosvm.base.io.IoVec;

/**
 * Slices of L2 tables and refcount blocks in memory, bounded; the least recently used go first. Guarded by the image's
 * lock.
 *
 * <p>Changes are written at once ({@link #write}), or stay until {@link #writeDeferred}. A write that fails stays as
 * well, so memory and file agree again later.
 */
final class MetadataCache {
    static final int SLICE = 4096;
    private static final ValueLayout.OfLong BIG_LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt BIG_INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfShort BIG_SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final long EMPTY = -1;

    private final Qcow2File file;
    private final int sliceSize;
    private final MemorySegment memory;
    private final long[] positions;
    private final long[] used;
    private final int[] dirtyFrom;
    private final int[] dirtyTo;
    private final int[] next;
    private final int[] buckets;
    private final IoVec list = new IoVec(1);
    private long clock;
    private int dirty;
    private int hand;

    /** @param slots slices it holds, a power of two */
    MetadataCache(Qcow2File file, long clusterSize, int slots) {
        this.file = file;
        sliceSize = (int) Math.min(SLICE, clusterSize);
        memory = Arena.ofAuto().allocate((long) sliceSize * slots, 8);
        positions = new long[slots];
        Arrays.fill(positions, EMPTY);
        used = new long[slots];
        dirtyFrom = new int[slots];
        dirtyTo = new int[slots];
        next = new int[slots];
        buckets = new int[2 * slots];
        Arrays.fill(buckets, -1);
    }

    int sliceSize() {
        return sliceSize;
    }

    /** Slices that wait for {@link #writeDeferred}. */
    int deferred() {
        return dirty;
    }

    int slots() {
        return positions.length;
    }

    /** The slot of the slice with this position in the file, read if need be; good until the next call. */
    int slot(long position) {
        int found = find(position);
        if (found < 0) {
            found = victim();
            file.read(position, bytes(found, 0, sliceSize));
            put(found, position);
        }
        used[found] = ++clock;
        return found;
    }

    private int find(long position) {
        for (int s = buckets[bucket(position)]; s >= 0; s = next[s]) {
            if (positions[s] == position) {
                return s;
            }
        }
        return -1;
    }

    private int bucket(long position) {
        long h = position / sliceSize * 0x9e37_79b9_7f4a_7c15L;
        return (int) (h >>> 40) & buckets.length - 1;
    }

    private void put(int slot, long position) {
        positions[slot] = position;
        int b = bucket(position);
        next[slot] = buckets[b];
        buckets[b] = slot;
    }

    private void drop(int slot) {
        int b = bucket(positions[slot]);
        if (buckets[b] == slot) {
            buckets[b] = next[slot];
        } else {
            int s = buckets[b];
            while (next[s] != slot) {
                s = next[s];
            }
            next[s] = next[slot];
        }
        positions[slot] = EMPTY;
        clean(slot);
    }

    private void clean(int slot) {
        if (dirtyTo[slot] != 0) {
            dirtyTo[slot] = 0;
            dirty--;
        }
    }

    /** An empty slot: the stalest of a few that are neither empty nor dirty, since exact order is not worth a list. */
    private int victim() {
        int best = -1;
        int seen = 0;
        for (int i = 0; i < positions.length && seen < 8; i++) {
            int s = hand;
            hand = hand + 1 & positions.length - 1;
            if (positions[s] == EMPTY) {
                return s;
            }
            if (dirtyTo[s] == 0) {
                seen++;
                if (best < 0 || used[s] < used[best]) {
                    best = s;
                }
            }
        }
        if (best < 0) {
            // Only after failed writes: deferred ones are bounded well below.
            throw file.unusable("could not write its tables for too long");
        }
        drop(best);
        return best;
    }

    long getLong(int slot, int at) {
        return memory.get(BIG_LONG, (long) slot * sliceSize + at);
    }

    void setLong(int slot, int at, long value) {
        memory.set(BIG_LONG, (long) slot * sliceSize + at, value);
    }

    /** @param order logarithm of the number's width in bits */
    long getNumber(int slot, int index, int order) {
        long base = (long) slot * sliceSize;
        return switch (order) {
            case 6 -> memory.get(BIG_LONG, base + 8L * index);
            case 5 -> memory.get(BIG_INT, base + 4L * index) & 0xffff_ffffL;
            case 4 -> memory.get(BIG_SHORT, base + 2L * index) & 0xffffL;
            case 3 -> memory.get(ValueLayout.JAVA_BYTE, base + index) & 0xffL;
            default -> {
                int shift = (index << order) & 7;
                int b = memory.get(ValueLayout.JAVA_BYTE, base + (index << order >> 3)) & 0xff;
                yield b >> shift & (1 << (1 << order)) - 1;
            }
        };
    }

    void setNumber(int slot, int index, int order, long value) {
        long base = (long) slot * sliceSize;
        switch (order) {
            case 6 -> memory.set(BIG_LONG, base + 8L * index, value);
            case 5 -> memory.set(BIG_INT, base + 4L * index, (int) value);
            case 4 -> memory.set(BIG_SHORT, base + 2L * index, (short) value);
            case 3 -> memory.set(ValueLayout.JAVA_BYTE, base + index, (byte) value);
            default -> {
                // Sub-byte counts begin at the least significant bit.
                int shift = (index << order) & 7;
                int mask = (1 << (1 << order)) - 1 << shift;
                long at = base + (index << order >> 3);
                int b = memory.get(ValueLayout.JAVA_BYTE, at);
                memory.set(ValueLayout.JAVA_BYTE, at, (byte) (b & ~mask | (int) value << shift));
            }
        }
    }

    private IoVec bytes(int slot, int from, int to) {
        list.clear();
        list.add(memory, (long) slot * sliceSize + from, to - from);
        return list;
    }

    /** Writes bytes {@code from} to {@code to} of the slice to the file. */
    void write(int slot, int from, int to) {
        try {
            file.write(positions[slot] + from, bytes(slot, from, to));
        } catch (RuntimeException e) {
            defer(slot, from, to);
            throw e;
        }
    }

    /** Leaves the bytes to {@link #writeDeferred}. */
    void defer(int slot, int from, int to) {
        if (dirtyTo[slot] == 0) {
            dirty++;
            dirtyFrom[slot] = from;
            dirtyTo[slot] = to;
        } else {
            dirtyFrom[slot] = Math.min(dirtyFrom[slot], from);
            dirtyTo[slot] = Math.max(dirtyTo[slot], to);
        }
    }

    void writeDeferred() {
        for (int s = 0; dirty > 0 && s < positions.length; s++) {
            if (dirtyTo[s] != 0) {
                int from = dirtyFrom[s];
                file.write(positions[s] + from, bytes(s, from, dirtyTo[s]));
                clean(s);
            }
        }
    }

    /** Forgets what it has of a range: its clusters changed owner, or were written directly. */
    void forget(long position, long length) {
        for (long at = position; at < position + length; at += sliceSize) {
            int s = find(at);
            if (s >= 0) {
                drop(s);
            }
        }
    }
}
