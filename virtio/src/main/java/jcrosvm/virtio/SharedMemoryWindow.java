package jcrosvm.virtio;

import jcrosvm.base.io.Fd;

/**
 * Guest addresses at which a device shows files to its driver: a shared memory region (virtio 1.3, 2.10). Offsets and
 * lengths are in bytes, of whole pages. Thread-safe.
 */
public interface SharedMemoryWindow {
    /**
     * Shows a part of a file, in place of what was shown there.
     *
     * @param offset in the region
     * @param file which the host duplicates
     * @param fileOffset where the part begins in the file
     * @param writable whether the guest may write to it
     * @throws jcrosvm.base.VmmException when the range is not in the region, or the host cannot map the file
     */
    void map(long offset, Fd file, long fileOffset, long length, boolean writable);

    /**
     * Ends what {@link #map} began, for all of the range; the guest reads ones there.
     *
     * @throws jcrosvm.base.VmmException when the range is not in the region
     */
    void unmap(long offset, long length);
}
