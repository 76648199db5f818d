package jcrosvm.disk.qcow2;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an image says about itself.
 *
 * @param size the disk's length in bytes
 * @param dirty whether it was not closed properly
 * @param corrupt whether it is marked as damaged and can only be read
 * @param compression {@code zlib} or {@code zstd}
 * @param backing the file it is a difference to, as written in the image; or null
 */
public record Qcow2Summary(
        int version,
        long size,
        long clusterSize,
        int refcountBits,
        boolean lazyRefcounts,
        boolean dirty,
        boolean corrupt,
        String compression,
        @Nullable String backing,
        @Nullable String backingFormat,
        List<SavedState> snapshots) {
    /**
     * An internal snapshot.
     *
     * @param stateSize bytes of machine state kept with it
     * @param diskSize the disk's length then, -1 where it does not say
     */
    public record SavedState(String id, String name, Instant date, long stateSize, long diskSize) {}

    static Qcow2Summary of(Qcow2File file, Qcow2Header header) {
        List<SavedState> snapshots = new ArrayList<>();
        for (Snapshot s : Snapshot.readAll(file, header)) {
            snapshots.add(new SavedState(s.id(), s.name(), s.date(), s.stateSize(), s.diskSize()));
        }
        return new Qcow2Summary(
                header.version(),
                header.size(),
                header.geometry().clusterSize(),
                1 << header.geometry().refcountOrder(),
                (header.compatible() & Qcow2Spec.COMPATIBLE_LAZY_REFCOUNTS) != 0,
                header.has(Qcow2Spec.INCOMPATIBLE_DIRTY),
                header.has(Qcow2Spec.INCOMPATIBLE_CORRUPT),
                header.compressionType() == Qcow2Spec.COMPRESSION_ZSTD ? "zstd" : "zlib",
                header.backing(),
                header.backingFormat(),
                List.copyOf(snapshots));
    }
}
