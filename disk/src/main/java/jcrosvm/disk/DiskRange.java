package jcrosvm.disk;

/** Ranges of a disk. */
public final class DiskRange {
    private DiskRange() {}

    /** @throws IllegalArgumentException when a range is not within the disk */
    public static void require(DiskFile disk, long offset, long count) {
        if (offset < 0 || count < 0 || offset > disk.length() - count) {
            throw new IllegalArgumentException(
                    count + " bytes at " + offset + " are not within a disk of " + disk.length() + " bytes");
        }
    }
}
