package jcrosvm.disk;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Paths that images hold of other files. */
public final class ImagePaths {
    private ImagePaths() {}

    /**
     * How an image should name another file, which the user gave as seen from the working directory: as it is if
     * absolute, else as seen from the image's folder, so that both can be moved together.
     *
     * @throws DiskException when the name cannot be written into an image
     */
    public static String relative(Path image, Path other) {
        if (other.isAbsolute()) {
            return checked(other);
        }
        try {
            // The real folders: ".." behind a symbolic link leads elsewhere.
            return checked(folder(image).relativize(folder(other)).resolve(other.getFileName()));
        } catch (IOException e) {
            throw new DiskException("cannot find the folder of " + other + " or " + image + ": " + e.getMessage());
        }
    }

    private static Path folder(Path file) throws IOException {
        Path parent = file.toAbsolutePath().getParent();
        return (parent == null ? Path.of("/") : parent).toRealPath();
    }

    private static String checked(Path path) {
        String text = path.toString();
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text) || text.chars().anyMatch(Character::isISOControl)) {
            throw new DiskException("path " + text + " cannot be written into an image: it is not plain UTF-8");
        }
        return text;
    }
}
