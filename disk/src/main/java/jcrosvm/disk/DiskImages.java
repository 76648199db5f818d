package jcrosvm.disk;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.disk.composite.CompositeDisk;
import jcrosvm.disk.qcow2.Qcow2Disk;
import jcrosvm.disk.raw.ImageFile;
import jcrosvm.disk.raw.RawDisk;
import jcrosvm.disk.sparse.SparseDisk;
import jcrosvm.disk.zstd.ZstdDisk;

/** Opens images of every format. */
public final class DiskImages {
    /** Most files that may hang on one another: overlays over backing files, lists of parts. */
    public static final int MAX_DEPTH = 10;

    private DiskImages() {}

    /**
     * Opens an image; its format follows from its first bytes unless the options say it.
     *
     * @throws jcrosvm.base.VmmException when it is missing, in use, or cannot be used
     */
    public static DiskFile open(Path path, DiskOptions options) {
        return opener(List.of()).open(path, options);
    }

    /** @param above the images on the way here, from the one that was asked for on */
    private static ImageOpener opener(List<Path> above) {
        return (path, options) -> {
            Path real = real(path);
            if (above.contains(real)) {
                throw new DiskException(
                        "cannot open " + above.getFirst() + ": the images it hangs on form a loop, in which " + path
                                + " comes twice; qemu-img rebase -u gives it another backing file");
            }
            if (above.size() == MAX_DEPTH) {
                throw new DiskException(
                        "cannot open " + path + ": more than " + MAX_DEPTH + " images hang on one another");
            }
            List<Path> chain = new ArrayList<>(above);
            chain.add(real);
            ImageFile file = ImageFile.open(path, options);
            try {
                DiskFormat given = options.format();
                DiskFormat format = given == null ? FormatProbe.of(file) : given;
                return open(file, format, opener(chain));
            } catch (RuntimeException e) {
                file.close();
                throw e;
            }
        };
    }

    private static Path real(Path path) {
        try {
            return path.toRealPath();
        } catch (IOException e) {
            // Opening it says what is wrong.
            return path.toAbsolutePath().normalize();
        }
    }

    private static DiskFile open(ImageFile file, DiskFormat format, ImageOpener inner) {
        return switch (format) {
            case RAW -> new RawDisk(file);
            case COMPOSITE -> CompositeDisk.open(file, inner);
            case ANDROID_SPARSE -> new SparseDisk(readOnly(file));
            case ZSTD -> new ZstdDisk(readOnly(file));
            case QCOW2 -> Qcow2Disk.open(file, inner);
        };
    }

    private static ImageFile readOnly(ImageFile file) {
        if (!file.options().readOnly()) {
            throw new DiskException("cannot open " + file + " to write it: its format can only be read; use ro=true");
        }
        return file;
    }
}
