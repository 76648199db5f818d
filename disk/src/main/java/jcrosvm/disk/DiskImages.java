package jcrosvm.disk;

import java.nio.file.Path;

/** Opens images of every format. */
public final class DiskImages {
    private DiskImages() {}

    /**
     * Opens an image; its format follows from its first bytes.
     *
     * @throws jcrosvm.base.VmmException when it is missing, in use, or cannot be used
     */
    public static DiskFile open(Path path, DiskOptions options) {
        if (options.direct() || !path.isAbsolute()) {
            throw new DiskException("cannot open " + path);
        }
        throw new DiskException("cannot open " + path + ": no format is there yet");
    }
}
