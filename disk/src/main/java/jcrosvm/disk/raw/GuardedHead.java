package jcrosvm.disk.raw;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.Predicate;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.RefusedWriteException;

/**
 * The beginning of a disk whose format was only told from it. A guest that could make it look like another format would
 * choose what its host makes of the file at the next start, so such a write is refused, whatever pieces it comes in.
 *
 * <p>One write at a time, from a copy: what is checked is what gets written, and the rest of what it is checked against
 * stays meanwhile. Zeros need no check, since no format's beginning has one.
 */
final class GuardedHead {
    private static final int PAGE = 4096;

    private final ImageFile file;
    private final int length;
    private final Predicate<byte[]> isRaw;
    private final MemorySegment copy;
    private final IoVec list = new IoVec(1);

    /**
     * @param length bytes that tell the format
     * @param isRaw whether the file, beginning so, would still be the disk itself
     */
    GuardedHead(ImageFile file, int length, Predicate<byte[]> isRaw) {
        this.file = file;
        this.length = length;
        this.isRaw = isRaw;
        // Whole blocks of O_DIRECT, or a write beside the head would have to read it and write it back.
        long size = Math.max(PAGE, file.alignment());
        copy = Arena.ofAuto().allocate(size, size);
    }

    /** Writes that begin before this byte go through {@link #write}. */
    long end() {
        return copy.byteSize();
    }

    /**
     * Writes the front of the list, and uses it up.
     *
     * @param offset before {@link #end}
     * @return bytes written
     */
    synchronized long write(long offset, IoVec from) {
        long n = Math.min(from.length(), end() - offset);
        from.copyOut(0, copy, offset, n);
        if (offset < length && n > 0 && !isRaw.test(head((int) offset, (int) Math.min(length, offset + n)))) {
            throw new RefusedWriteException("a write would have given " + file
                    + " the beginning of another image format, and its own format is only told from there; give"
                    + " format=raw for this disk if the guest may write what it likes");
        }
        list.clear();
        list.add(copy, offset, n);
        file.write(offset, list);
        from.consume(n);
        return n;
    }

    /** The file's beginning as it will be. */
    private byte[] head(int from, int to) {
        byte[] there = file.bytes(0, (int) Math.min(length, file.size()));
        byte[] head = Arrays.copyOf(there, Math.max(there.length, to));
        MemorySegment.copy(copy, ValueLayout.JAVA_BYTE, from, head, from, to - from);
        return head;
    }
}
