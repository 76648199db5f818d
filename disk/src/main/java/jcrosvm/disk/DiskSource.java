package jcrosvm.disk;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.disk.raw.ImageFile;

/**
 * The files of one disk, found, judged, locked and open: what a process with the rights does, so that another, which may
 * open nothing, can make the disk.
 *
 * @param images what the files are: each image before those that it names, these in the order in which it names them
 * @param files open descriptors, one for each image, owned by this object
 */
public record DiskSource(List<Image> images, List<Fd> files) implements AutoCloseable {
    /**
     * One file.
     *
     * @param path for messages, and to tell that the image names it still
     * @param format of the image
     * @param guessed the format was told from the first bytes, which a guest may have written
     * @param readOnly the file is open for reading only
     */
    public record Image(Path path, DiskFormat format, boolean guessed, boolean readOnly) {
        DiskOptions options(DiskOptions disk) {
            return disk.withReadOnly(readOnly).withFormat(guessed ? null : format);
        }
    }

    public DiskSource {
        images = List.copyOf(images);
        files = List.copyOf(files);
        if (images.isEmpty() || images.size() != files.size()) {
            throw new IllegalArgumentException(images.size() + " images, " + files.size() + " files");
        }
    }

    /**
     * Opens and locks an image and all that it hangs on. Its format follows from its first bytes unless the options say
     * it. Nothing is written.
     *
     * @throws jcrosvm.base.VmmException when one is missing, in use, or may not be named by the image that names it
     */
    public static DiskSource open(Path path, DiskOptions options) {
        List<Image> images = new ArrayList<>();
        List<ImageFile> files = new ArrayList<>();
        try {
            find(path, options, ImageChain.start(), images, files);
        } catch (RuntimeException | Error e) {
            files.forEach(ImageFile::close);
            throw e;
        }
        return new DiskSource(images, files.stream().map(ImageFile::detach).toList());
    }

    private static void find(
            Path path, DiskOptions options, ImageChain chain, List<Image> images, List<ImageFile> files) {
        chain.use(path, options, (file, format, below) -> {
            images.add(new Image(path, format, options.format() == null, options.readOnly()));
            files.add(file);
            for (NamedImage named : DiskImages.named(file, format)) {
                find(named.path(), named.options(), below, images, files);
            }
            return images;
        });
    }

    /**
     * Makes the disk, which owns the files from here on; they are unlocked and closed when this throws. Opens nothing.
     *
     * @param options as the source was opened with
     * @throws DiskException when an image is damaged, or names other images than those that were opened
     */
    public DiskFile disk(DiskOptions options) {
        Assembly assembly = new Assembly(options);
        try {
            return assembly.open(images.getFirst().path(), images.getFirst().options(options));
        } catch (RuntimeException | Error e) {
            assembly.closeRest();
            throw e;
        }
    }

    @Override
    public void close() {
        files.forEach(Fd::close);
    }

    /** Hands the files out as the images ask for them. */
    private final class Assembly implements ImageOpener {
        private final DiskOptions disk;
        private int next;

        private Assembly(DiskOptions disk) {
            this.disk = disk;
        }

        @Override
        public DiskFile open(Path path, DiskOptions options) {
            int at = next;
            if (at == images.size() || !isAsFound(images.get(at), path, options)) {
                throw new DiskException("cannot open " + images.getFirst().path() + ": it names " + path
                        + ", which it did not a moment ago; another program must be writing it");
            }
            ImageFile file = ImageFile.of(path, files.get(at), options);
            next++;
            try {
                return DiskImages.open(file, images.get(at).format(), this);
            } catch (RuntimeException | Error e) {
                file.close();
                throw e;
            }
        }

        /** The files that no image has taken. A descriptor that was inherited would keep their locks. */
        private void closeRest() {
            for (; next < images.size(); next++) {
                Image image = images.get(next);
                try {
                    ImageFile.of(image.path(), files.get(next), image.options(disk))
                            .close();
                } catch (VmmException e) {
                    files.get(next).close();
                }
            }
        }

        private boolean isAsFound(Image image, Path path, DiskOptions options) {
            return image.path().equals(path) && image.options(disk).equals(options);
        }
    }
}
