package jcrosvm.boot.kernel;

import java.nio.file.Path;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.boot.Rom;
import jcrosvm.memory.GuestMemory;

/**
 * Loads a flat firmware image, which ends at 4 GiB.
 *
 * <p>Its last 128 KiB also appear below 1 MiB, where PC firmware runs. There they are RAM: on a PC the firmware copies
 * itself over and then writes to its variables in that place, and firmware that finds the copy made works the same.
 */
public final class BiosImage {
    private static final int SHADOW = 128 << 10;
    private static final int PAGE = 4096;

    private BiosImage() {}

    /** The ROM to map; the copy below 1 MiB is made. */
    public static Rom load(GuestMemory memory, Path path) {
        try (ImageFile image = ImageFile.open("BIOS", path)) {
            if (image.size() > MemoryLayout.MAX_BIOS_SIZE || image.size() % PAGE != 0) {
                throw image.bad("%d bytes: a BIOS has at most 16 MiB and whole pages of 4 KiB".formatted(image.size()));
            }
            int size = (int) image.size();
            int shadow = Math.min(size, SHADOW);
            byte[] content = image.bytes(0, size);
            memory.write(shadowStart(size), content, size - shadow, shadow);
            return new Rom(MemoryLayout.FOUR_GIB - size, content);
        }
    }

    /** First address of the copy below 1 MiB. */
    public static long shadowStart(int size) {
        return MemoryLayout.HIGH_MEMORY - Math.min(size, SHADOW);
    }
}
