package jcrosvm.disk.qcow2;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.function.Consumer;

/**
 * The fields of the header that change while an image is in use. Fields that belong together lie together, within one
 * page, and are written by one call. Guarded by the image's lock.
 */
final class HeaderFields {
    /** Entries of a table that are read at a time. */
    private static final int PIECE = 8192;

    private final Qcow2File file;
    private final int version;
    private final boolean lazy;
    private long incompatible;

    HeaderFields(Qcow2File file, Qcow2Header header) {
        this.file = file;
        version = header.version();
        incompatible = header.incompatible();
        lazy = (header.compatible() & Qcow2Spec.COMPATIBLE_LAZY_REFCOUNTS) != 0;
    }

    /** Whether the dirty bit can vouch for the order of writes. */
    boolean hasDirtyBit() {
        return version >= 3;
    }

    boolean lazy() {
        return lazy;
    }

    boolean dirty() {
        return (incompatible & Qcow2Spec.INCOMPATIBLE_DIRTY) != 0;
    }

    boolean corrupt() {
        return (incompatible & Qcow2Spec.INCOMPATIBLE_CORRUPT) != 0;
    }

    /** Before the first change to tables: from here on refcounts need rebuilding after a power failure. */
    void markDirty() {
        if (hasDirtyBit() && !dirty()) {
            writeIncompatible(incompatible | Qcow2Spec.INCOMPATIBLE_DIRTY);
            file.sync();
        }
    }

    /** After the last change, which must be durable. */
    void markClean() {
        if (dirty()) {
            writeIncompatible(incompatible & ~Qcow2Spec.INCOMPATIBLE_DIRTY);
        }
    }

    void markCorrupt() {
        if (version >= 3 && !corrupt()) {
            writeIncompatible(incompatible | Qcow2Spec.INCOMPATIBLE_CORRUPT);
        }
    }

    private void writeIncompatible(long bits) {
        incompatible = bits;
        write(Qcow2Spec.INCOMPATIBLE, 8, b -> b.putLong(bits));
    }

    /** What the bits vouch for (bitmaps) is not maintained here. */
    void clearAutoclear() {
        write(Qcow2Spec.AUTOCLEAR, 8, b -> {});
    }

    void size(long size) {
        write(Qcow2Spec.SIZE, 8, b -> b.putLong(size));
    }

    void l1Table(int entries, long offset) {
        write(Qcow2Spec.L1_SIZE_AND_OFFSET, 12, b -> b.putInt(entries).putLong(offset));
    }

    void refcountTable(long offset, int clusters) {
        write(Qcow2Spec.REFCOUNT_TABLE_OFFSET, 12, b -> b.putLong(offset).putInt(clusters));
    }

    private void write(int position, int length, Consumer<ByteBuffer> content) {
        byte[] bytes = new byte[length];
        content.accept(ByteBuffer.wrap(bytes));
        file.write(bytes, position);
    }

    /** Writes a table of numbers, big endian. */
    static void writeTable(Qcow2File file, long position, long[] entries, int from, int count) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment segment = arena.allocate(8L * Math.max(1, count), 8);
            ByteBuffer buffer = segment.asByteBuffer();
            for (int i = 0; i < count; i++) {
                buffer.putLong(8 * i, entries[from + i]);
            }
            file.write(segment.asSlice(0, 8L * count), position);
        }
    }

    /** Reads a table of numbers, big endian; the caller has bounded its length. */
    static long[] readTable(Qcow2File file, long position, int count) {
        long[] entries = new long[count];
        for (int at = 0; at < count; at += PIECE) {
            int n = Math.min(PIECE, count - at);
            Qcow2Header.bytes(file, position + 8L * at, 8 * n).asLongBuffer().get(entries, at, n);
        }
        return entries;
    }

    /** Reads a table that stays in memory as long as the image is open. */
    static long[] keepTable(Qcow2File file, long position, int count) {
        file.reserve(8L * count);
        return readTable(file, position, count);
    }
}
