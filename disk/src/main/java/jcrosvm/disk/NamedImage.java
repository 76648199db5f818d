package jcrosvm.disk;

import java.nio.file.Path;

/**
 * Another image that an image names: its backing file, or one of its parts.
 *
 * @param path as seen from the working directory, or absolute
 * @param options how it is opened; their format is what the naming image says, or null
 */
public record NamedImage(Path path, DiskOptions options) {}
