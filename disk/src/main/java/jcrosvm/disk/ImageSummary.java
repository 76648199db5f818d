package jcrosvm.disk;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.FileStatus;
import jcrosvm.disk.qcow2.Qcow2Images;
import jcrosvm.disk.qcow2.Qcow2Summary;
import jcrosvm.disk.raw.ImageFile;

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
    public ImageSummary {
        below = List.copyOf(below);
    }

    /**
     * Looks at an image, and at those that it may name.
     *
     * @param options its format, if that is given, and what it may name; the image is read only, without a lock
     * @throws VmmException when it cannot be opened, or contradicts itself
     */
    public static ImageSummary of(Path path, DiskOptions options) {
        return of(path, options.withReadOnly(true).withLock(false), ImageChain.start());
    }

    private static ImageSummary of(Path path, DiskOptions options, ImageChain chain) {
        return chain.use(path, options, (file, format, named) -> {
            long allocated = FileStatus.of(file.fd()).allocated();
            if (format == DiskFormat.QCOW2) {
                try (file) {
                    return qcow2(file, allocated, Qcow2Images.info(file), named);
                }
            }
            List<ImageSummary> below = new ArrayList<>();
            for (NamedImage part : DiskImages.named(file, format)) {
                below.add(of(part.path(), part.options(), named));
            }
            try (DiskFile disk = DiskImages.open(file, format, named)) {
                return new ImageSummary(
                        path, format, disk.length(), allocated, Optional.empty(), below, Optional.empty());
            }
        });
    }

    private static ImageSummary qcow2(ImageFile image, long allocated, Qcow2Summary info, ImageChain named) {
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
                below.add(
                        of(Qcow2Images.backing(image, backing), image.options().withFormat(format), named));
            } catch (VmmException e) {
                problem = e.getMessage();
            }
        }
        return new ImageSummary(
                image.path(),
                DiskFormat.QCOW2,
                info.size(),
                allocated,
                Optional.of(info),
                below,
                Optional.ofNullable(problem));
    }
}
