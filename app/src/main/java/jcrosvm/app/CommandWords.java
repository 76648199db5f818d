package jcrosvm.app;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import jcrosvm.config.Arguments;
import jcrosvm.config.ByteSize;
import jcrosvm.config.ConfigException;
import jcrosvm.config.UsageException;

/** Positional words that are more than words. */
final class CommandWords {
    /** What every position in a disk can be counted with, and its length in sectors too. */
    private static final long MAX_DISK = 1L << 62;

    private static final int SECTOR = 512;

    private CommandWords() {}

    static Path path(String word) {
        try {
            if (!word.isEmpty()) {
                return Path.of(word);
            }
        } catch (InvalidPathException e) {
            throw new UsageException("'" + word + "' is not a path: " + e.getReason(), e);
        }
        throw new UsageException("a path is empty");
    }

    static Path path(Arguments arguments, int index) {
        return path(String.valueOf(arguments.positional(index)));
    }

    /** The length of a disk. */
    static long diskSize(Arguments arguments, int index) {
        String word = String.valueOf(arguments.positional(index));
        try {
            long size = ByteSize.parse(word, 0, MAX_DISK);
            if (size % SECTOR == 0) {
                return size;
            }
        } catch (ConfigException e) {
            throw new UsageException("invalid size '" + word + "': " + e.getMessage(), e);
        }
        throw new UsageException("invalid size '" + word + "': not a multiple of " + SECTOR);
    }
}
