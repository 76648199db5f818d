package jcrosvm.boot.kernel;

import java.nio.file.Path;
import jcrosvm.base.VmmException;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** Where the initial RAM disk was put; size 0 when there is none. */
record Initrd(long address, long size) {
    static final Initrd NONE = new Initrd(0, 0);

    private static final long PAGE = 4096;

    /**
     * Reads the file to the highest place that is allowed.
     *
     * @param kernelEnd first address behind everything that the kernel needs before it knows of the initrd
     * @param last highest address that the kernel accepts; {@code Long.MAX_VALUE} for any
     */
    static Initrd load(GuestMemory memory, MemoryLayout layout, @Nullable Path path, long kernelEnd, long last) {
        if (path == null) {
            return NONE;
        }
        try (ImageFile file = ImageFile.open("initrd", path)) {
            long size = file.size();
            long top = MemoryLayout.FOUR_GIB + layout.highRam();
            if (last >= top - 1 && size <= layout.highRam()) {
                return at(memory, file, top - size & -PAGE);
            }
            long end = Math.min(layout.lowRam(), last == Long.MAX_VALUE ? last : last + 1);
            if (size > end - kernelEnd || (end - size & -PAGE) < kernelEnd) {
                throw new VmmException(
                        "initrd '%s' is too big: %d KiB, but %d KiB are free behind the kernel; give the guest more memory"
                                .formatted(path, size >> 10, Math.max(0, end - kernelEnd) >> 10));
            }
            return at(memory, file, end - size & -PAGE);
        }
    }

    private static Initrd at(GuestMemory memory, ImageFile file, long address) {
        file.load(memory, 0, address, file.size());
        return new Initrd(address, file.size());
    }
}
