package jcrosvm.disk;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.FileStatus;
import jcrosvm.disk.composite.CompositeDisk;
import jcrosvm.disk.qcow2.Qcow2Images;
import jcrosvm.disk.qcow2.Qcow2Summary;
import jcrosvm.disk.raw.ImageFile;
import jcrosvm.disk.raw.RawDisk;

/**
 * What is to be said about an image. No lock is taken, so that it can be in use; then what is said may be of a moment ago.
 *
 * @param length of the disk, bytes
 * @param allocated bytes that the file takes on its file system
 * @param qcow2 what is peculiar to that format
 * @param below the images that it hangs on: a backing file, or the parts of a composite disk
 * @param problem why these are not known
 */
public record ImageSummary(
        Path path,
        DiskFormat format,
        long length,
        long allocated,
        Optional<Qcow2Summary> qcow2,
        List<ImageSummary> below,
        Optional<String> problem) {
    private static final DiskOptions OPTIONS = DiskOptions.READ_ONLY.withLock(false);

    public ImageSummary {
        below = List.copyOf(below);
    }

    /** @throws VmmException when it cannot be opened, or contradicts itself */
    public static ImageSummary of(Path path, Optional<DiskFormat> format) {
        return of(path, format, DiskImages.MAX_DEPTH);
    }

    private static ImageSummary of(Path path, Optional<DiskFormat> given, int depth) {
        try (ImageFile file = ImageFile.open(path, OPTIONS)) {
            DiskFormat format = given.orElseGet(() -> FormatProbe.of(file));
            long allocated = FileStatus.of(file.fd()).allocated();
            return switch (format) {
                case RAW -> {
                    try (RawDisk disk = new RawDisk(file)) {
                        yield new ImageSummary(
                                path, format, disk.length(), allocated, Optional.empty(), List.of(), Optional.empty());
                    }
                }
                case QCOW2 -> qcow2(path, allocated, Qcow2Images.info(file), depth);
                case COMPOSITE, ANDROID_SPARSE, ZSTD -> other(path, format, allocated, depth);
            };
        }
    }

    private static ImageSummary qcow2(Path path, long allocated, Qcow2Summary info, int depth) {
        String backing = info.backing();
        String backingFormat = info.backingFormat();
        List<ImageSummary> below = new ArrayList<>();
        String problem = null;
        if (backing != null) {
            try {
                if (backingFormat == null) {
                    throw new DiskException("the image does not say the format of its backing file " + backing);
                }
                DiskFormat format = DiskFormat.named(backingFormat)
                        .orElseThrow(() -> new DiskException("the format " + backingFormat + " is unknown"));
                if (depth == 1) {
                    throw new DiskException("more than " + DiskImages.MAX_DEPTH + " images hang on one another");
                }
                Path file = path.toAbsolutePath().resolveSibling(Path.of(backing));
                below.add(of(file, Optional.of(format), depth - 1));
            } catch (VmmException | InvalidPathException e) {
                problem = e.getMessage();
            }
        }
        return new ImageSummary(
                path, DiskFormat.QCOW2, info.size(), allocated, Optional.of(info), below, Optional.ofNullable(problem));
    }

    private static ImageSummary other(Path path, DiskFormat format, long allocated, int depth) {
        try (DiskFile disk = DiskImages.open(path, OPTIONS.withFormat(format))) {
            List<ImageSummary> below = new ArrayList<>();
            if (disk instanceof CompositeDisk composite) {
                for (Path part : composite.paths()) {
                    below.add(of(part, Optional.empty(), depth - 1));
                }
            }
            return new ImageSummary(path, format, disk.length(), allocated, Optional.empty(), below, Optional.empty());
        }
    }
}
