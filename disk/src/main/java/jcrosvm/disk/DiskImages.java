package jcrosvm.disk;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.disk.composite.CompositeDisk;
import jcrosvm.disk.qcow2.Qcow2Disk;
import jcrosvm.disk.raw.ImageFile;
import jcrosvm.disk.raw.RawDisk;
import jcrosvm.disk.sparse.SparseDisk;
import jcrosvm.disk.zstd.ZstdDisk;

/** Opens images of every format. */
public final class DiskImages {
    private DiskImages() {}

    /**
     * Opens an image and all that it hangs on. Its format follows from its first bytes unless the options say it; a
     * raw image that is known by its first bytes alone refuses to be given those of another format.
     *
     * @throws jcrosvm.base.VmmException when it is missing, in use, or cannot be used
     */
    public static DiskFile open(Path path, DiskOptions options) {
        return DiskSource.open(path, options).disk(options);
    }

    /** The images that one names: its backing file, or its parts, each once. */
    static List<NamedImage> named(ImageFile file, DiskFormat format) {
        return switch (format) {
            case RAW, ANDROID_SPARSE, ZSTD -> List.of();
            case COMPOSITE -> CompositeDisk.named(file);
            case QCOW2 -> Qcow2Disk.named(file);
        };
    }

    static DiskFile open(ImageFile file, DiskFormat format, ImageOpener named) {
        return switch (format) {
            case RAW ->
                file.options().format() == null
                        ? RawDisk.guessed(file, FormatProbe.LENGTH, DiskImages::isRaw)
                        : new RawDisk(file);
            case COMPOSITE -> CompositeDisk.open(file, named);
            case ANDROID_SPARSE -> new SparseDisk(readOnly(file));
            case ZSTD -> new ZstdDisk(readOnly(file));
            case QCOW2 -> Qcow2Disk.open(file, named);
        };
    }

    private static boolean isRaw(byte[] head) {
        return FormatProbe.of(head) == DiskFormat.RAW;
    }

    private static ImageFile readOnly(ImageFile file) {
        if (!file.options().readOnly()) {
            throw new DiskException("cannot open " + file + " to write it: its format can only be read; use ro=true");
        }
        return file;
    }
}
