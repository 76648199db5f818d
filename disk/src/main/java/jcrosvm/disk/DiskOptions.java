package jcrosvm.disk;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How an image is opened.
 *
 * @param readOnly nothing is written, not even to headers
 * @param direct bypasses the host's page cache (O_DIRECT)
 * @param lock takes a lock on every file of the image: shared to read, exclusive to write
 * @param sparse whether discards give space back, and new space of a longer disk is left to be allocated when written
 * @param format what the file is; null to tell from its first bytes, which a guest may have written
 * @param backing which other files an image may name if its format is not given
 */
public record DiskOptions(
        boolean readOnly,
        boolean direct,
        boolean lock,
        boolean sparse,
        @Nullable DiskFormat format,
        Backing backing) {
    public static final DiskOptions DEFAULT = new DiskOptions(false, false, true, true);
    public static final DiskOptions READ_ONLY = new DiskOptions(true, false, true, true);

    /** Tells the format from the first bytes. */
    public DiskOptions(boolean readOnly, boolean direct, boolean lock, boolean sparse) {
        this(readOnly, direct, lock, sparse, null, Backing.OWN_FOLDER);
    }

    public DiskOptions withFormat(@Nullable DiskFormat other) {
        return new DiskOptions(readOnly, direct, lock, sparse, other, backing);
    }

    public DiskOptions withReadOnly(boolean other) {
        return new DiskOptions(other, direct, lock, sparse, format, backing);
    }

    public DiskOptions withLock(boolean other) {
        return new DiskOptions(readOnly, direct, other, sparse, format, backing);
    }

    public DiskOptions withBacking(Backing other) {
        return new DiskOptions(readOnly, direct, lock, sparse, format, other);
    }

    // As the record's own, for which the Java machine makes code at the first call: some 15 ms of each start.
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof DiskOptions that
                && readOnly == that.readOnly
                && direct == that.direct
                && lock == that.lock
                && sparse == that.sparse
                && format == that.format
                && backing == that.backing;
    }

    @Override
    public int hashCode() {
        return Objects.hash(readOnly, direct, lock, sparse, format, backing);
    }
}
