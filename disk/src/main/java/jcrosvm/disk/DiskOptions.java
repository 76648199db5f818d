package jcrosvm.disk;

/**
 * How an image is opened.
 *
 * @param readOnly nothing is written, not even to headers
 * @param direct bypasses the host's page cache (O_DIRECT)
 * @param lock takes a lock on every file of the image: shared to read, exclusive to write
 * @param sparse whether discards give space back
 */
public record DiskOptions(boolean readOnly, boolean direct, boolean lock, boolean sparse) {
    public static final DiskOptions DEFAULT = new DiskOptions(false, false, true, true);
    public static final DiskOptions READ_ONLY = new DiskOptions(true, false, true, true);
}
