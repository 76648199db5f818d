package jcrosvm.disk;

import java.nio.file.Path;

/**
 * Opens the files that an image names: backing files, parts. It knows how deep it is, and refuses to go too deep, which
 * also ends a chain that leads back to itself.
 */
@FunctionalInterface
public interface ImageOpener {
    /**
     * Opens an image.
     *
     * @param options as {@link DiskImages#open}; give the format wherever the naming image tells it
     * @throws jcrosvm.base.VmmException when it cannot be opened
     */
    DiskFile open(Path path, DiskOptions options);
}
