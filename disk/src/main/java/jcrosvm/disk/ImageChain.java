package jcrosvm.disk;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.disk.raw.ImageFile;
import org.jspecify.annotations.Nullable;

/**
 * The images on the way to the next one, each named by the one before, and what the last of them may name.
 *
 * <p>The format of an image is known if the user gave it, or if an image gave it whose own format is known. Any other may
 * have been chosen by a guest that could write the file; then the other files were chosen by it as well, and only those
 * that lie below the image's own folder are opened, unless {@link Backing#ANY} trusts them all.
 */
final class ImageChain implements ImageOpener {
    /** Most files that may hang on one another: overlays over backing files, lists of parts. */
    static final int MAX_DEPTH = 10;

    /** Most images that are opened for one disk: the longest list of parts, each over some backing files. */
    private static final int MAX_IMAGES = 8192;

    private final List<Path> above;
    /** The image that names the next one and may not name every file; null if there is none. */
    private final @Nullable Namer restricted;

    private final boolean isKnown;
    private final AtomicInteger opened;

    private record Namer(Path path, DiskFormat format, Optional<Path> folder) {}

    private ImageChain(List<Path> above, @Nullable Namer restricted, boolean isKnown, AtomicInteger opened) {
        this.above = List.copyOf(above);
        this.restricted = restricted;
        this.isKnown = isKnown;
        this.opened = opened;
    }

    /** Before the first image, which the user names. */
    static ImageChain start() {
        return new ImageChain(List.of(), null, true, new AtomicInteger());
    }

    /** What is done with an open file. */
    @FunctionalInterface
    interface Use<T> {
        /** @param named opens the images that this one names */
        T of(ImageFile file, DiskFormat format, ImageChain named);
    }

    @Override
    public DiskFile open(Path path, DiskOptions options) {
        return use(path, options, DiskImages::open);
    }

    /** Opens a file for some use, which has to close it unless it throws. */
    <T> T use(Path path, DiskOptions options, Use<T> use) {
        Path real = real(path);
        if (above.contains(real)) {
            throw new DiskException(
                    "cannot open " + above.getFirst() + ": the images it hangs on form a loop, in which " + path
                            + " comes twice; qemu-img rebase -u gives it another backing file");
        }
        if (above.size() == MAX_DEPTH) {
            throw new DiskException("cannot open " + path + ": more than " + MAX_DEPTH + " images hang on one another");
        }
        if (opened.incrementAndGet() > MAX_IMAGES) {
            throw new DiskException(
                    "cannot open " + path + ": a disk can be made of " + MAX_IMAGES + " images at most");
        }
        List<Path> chain = new ArrayList<>(above);
        chain.add(real);
        ImageFile file = ImageFile.open(path, options, place -> require(path, place));
        try {
            DiskFormat given = options.format();
            DiskFormat format = given == null ? FormatProbe.of(file) : given;
            boolean known = isKnown && given != null;
            Namer namer = known || options.backing() == Backing.ANY ? null : new Namer(path, format, file.folder());
            return use.of(file, format, new ImageChain(chain, namer, known, opened));
        } catch (RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    private void require(Path path, Optional<Path> place) {
        if (restricted == null) {
            return;
        }
        Optional<Path> folder = restricted.folder;
        if (folder.isPresent() && place.isPresent() && place.get().startsWith(folder.get())) {
            return;
        }
        String may = folder.map(f -> "it may only name files below its own folder " + f)
                .orElse("it may name no file, since it is a device or has no folder");
        throw new DiskException(
                "cannot open " + path + ", which " + restricted.path + " names: the format of that image ("
                        + restricted.format + ") was not given but told from what it holds, so " + may
                        + "; if it can be trusted, use format=" + restricted.format + ", or backing=any");
    }

    private static Path real(Path path) {
        try {
            return path.toRealPath();
        } catch (IOException e) {
            // Opening it says what is wrong.
            return path.toAbsolutePath().normalize();
        }
    }
}
