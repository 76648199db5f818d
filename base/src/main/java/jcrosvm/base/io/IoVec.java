package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;

/**
 * A list of memory pieces for readv(2) and its kin, made once and used again and again. Not thread-safe.
 *
 * <p>Pieces are kept as ranges of segments, so nothing outside them can be reached.
 */
public final class IoVec {
    private static final int ENTRY = 16;

    private final MemorySegment entries;
    private final MemorySegment[] segments;
    private final long[] offsets;
    private final long[] lengths;
    private int count;
    private long total;

    /** @param capacity pieces it can hold, at most 1024 (IOV_MAX) */
    public IoVec(int capacity) {
        if (capacity < 1 || capacity > 1024) {
            throw new IllegalArgumentException("capacity " + capacity);
        }
        entries = Arena.ofAuto().allocate((long) ENTRY * capacity, 8);
        segments = new MemorySegment[capacity];
        offsets = new long[capacity];
        lengths = new long[capacity];
        Arrays.fill(segments, MemorySegment.NULL);
    }

    /** Pieces that fit. */
    public int capacity() {
        return segments.length;
    }

    /** Pieces in it. */
    public int count() {
        return count;
    }

    /** Bytes in it. */
    public long length() {
        return total;
    }

    public void clear() {
        count = 0;
        total = 0;
    }

    /**
     * Appends a piece of a native segment.
     *
     * @throws IndexOutOfBoundsException when it is not within the segment
     * @throws IllegalStateException when the list is full
     */
    public void add(MemorySegment segment, long offset, long length) {
        Objects.checkFromIndexSize(offset, length, segment.byteSize());
        if (!segment.isNative()) {
            throw new IllegalArgumentException("a heap segment has no address");
        }
        if (count == segments.length) {
            throw new IllegalStateException("more than " + count + " pieces");
        }
        segments[count] = segment;
        offsets[count] = offset;
        lengths[count] = length;
        entries.set(ValueLayout.JAVA_LONG, (long) ENTRY * count, segment.address() + offset);
        entries.set(ValueLayout.JAVA_LONG, (long) ENTRY * count + 8, length);
        count++;
        total += length;
    }

    /**
     * Appends a part of another list.
     *
     * @param from first byte of the part, in the other list's bytes
     */
    public void add(IoVec other, long from, long length) {
        Objects.checkFromIndexSize(from, length, other.total);
        long skip = from;
        long left = length;
        for (int i = 0; left > 0; i++) {
            long have = other.lengths[i] - skip;
            if (have <= 0) {
                skip -= other.lengths[i];
                continue;
            }
            long n = Math.min(have, left);
            add(other.segments[i], other.offsets[i] + skip, n);
            left -= n;
            skip = 0;
        }
    }

    /** Removes bytes from the front: what a call has transferred already. */
    public void consume(long bytes) {
        Objects.checkFromIndexSize(0, bytes, total);
        total -= bytes;
        int gone = 0;
        long left = bytes;
        while (gone < count && left >= lengths[gone]) {
            left -= lengths[gone++];
        }
        int kept = count - gone;
        for (int i = 0; i < kept; i++) {
            long skip = i == 0 ? left : 0;
            segments[i] = segments[i + gone];
            offsets[i] = offsets[i + gone] + skip;
            lengths[i] = lengths[i + gone] - skip;
            entries.set(ValueLayout.JAVA_LONG, (long) ENTRY * i, segments[i].address() + offsets[i]);
            entries.set(ValueLayout.JAVA_LONG, (long) ENTRY * i + 8, lengths[i]);
        }
        count = kept;
    }

    /** Copies bytes of it out. */
    public void copyOut(long position, MemorySegment into, long at, long length) {
        copy(position, into, at, length, true);
    }

    /** Copies bytes into it. */
    public void copyIn(long position, MemorySegment from, long at, long length) {
        copy(position, from, at, length, false);
    }

    private void copy(long position, MemorySegment other, long at, long length, boolean out) {
        Objects.checkFromIndexSize(position, length, total);
        long skip = position;
        for (long done = 0, i = 0; done < length; i++) {
            int piece = (int) i;
            long have = lengths[piece] - skip;
            if (have <= 0) {
                skip -= lengths[piece];
                continue;
            }
            long n = Math.min(have, length - done);
            long own = offsets[piece] + skip;
            if (out) {
                MemorySegment.copy(segments[piece], own, other, at + done, n);
            } else {
                MemorySegment.copy(other, at + done, segments[piece], own, n);
            }
            done += n;
            skip = 0;
        }
    }

    /** Sets bytes of it to one value. */
    public void fill(long position, long length, byte value) {
        Objects.checkFromIndexSize(position, length, total);
        long skip = position;
        long left = length;
        for (int i = 0; left > 0; i++) {
            long have = lengths[i] - skip;
            if (have <= 0) {
                skip -= lengths[i];
                continue;
            }
            long n = Math.min(have, left);
            segments[i].asSlice(offsets[i] + skip, n).fill(value);
            left -= n;
            skip = 0;
        }
    }

    /** Whether all pieces begin and end at multiples of a power of two, as O_DIRECT wants them. */
    public boolean isAligned(long alignment) {
        long bits = 0;
        for (int i = 0; i < count; i++) {
            bits |= segments[i].address() + offsets[i] | lengths[i];
        }
        return (bits & alignment - 1) == 0;
    }

    /** Address of the array of struct iovec, for system calls; good until the list changes. */
    public long address() {
        return entries.address();
    }
}
