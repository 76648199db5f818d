package jcrosvm.guest;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/** Files and directories that appear under their name only when they are complete. */
final class AtomicFiles {
    private static final String PARTIAL = ".partial-";

    private AtomicFiles() {}

    /** Writes a file or fills a directory. */
    interface Filler<T> {
        void fill(T target) throws IOException;
    }

    static void write(Path file, Filler<OutputStream> content) {
        Path partial = partial(file);
        try {
            Files.createDirectories(partial.getParent());
            try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(partial), 1 << 16)) {
                content.fill(out);
            }
            Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new VmmException("cannot write " + file + ": " + reason(e), e);
        } finally {
            deleteTree(partial);
        }
    }

    /** Fills a new directory; one that is there already under the name is removed first. */
    static void directory(Path directory, Filler<Path> content) {
        Path partial = partial(directory);
        try {
            Files.createDirectories(partial);
            content.fill(partial);
            deleteTree(directory);
            Files.move(partial, directory, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new VmmException("cannot write " + directory + ": " + reason(e), e);
        } finally {
            deleteTree(partial);
        }
    }

    /** Works in a new directory beside the files of {@code parent}, which is removed afterwards. */
    static void inTemporary(Path parent, Filler<Path> work) {
        Path temporary = partial(parent.resolve("work"));
        try {
            Files.createDirectories(temporary);
            work.fill(temporary);
        } catch (IOException e) {
            throw new VmmException("cannot work in " + parent + ": " + reason(e), e);
        } finally {
            deleteTree(temporary);
        }
    }

    /** Removes what an interrupted process left in a directory that no one else uses now. */
    static void deletePartial(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            files.filter(file -> file.getFileName().toString().contains(PARTIAL))
                    .forEach(AtomicFiles::deleteTree);
        } catch (IOException e) {
            throw new VmmException("cannot read " + directory + ": " + reason(e), e);
        }
    }

    /** Removes what is there, without following links. */
    static void deleteTree(Path root) {
        if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try {
            Files.walkFileTree(root, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.deleteIfExists(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
                        throws IOException {
                    if (failure != null) {
                        throw failure;
                    }
                    Files.deleteIfExists(directory);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw new VmmException("cannot remove " + root + ": " + reason(e), e);
        }
    }

    /** What an exception of a file operation means, which for many of them is in the class and not in the message. */
    static String reason(IOException e) {
        return switch (e) {
            case NoSuchFileException missing -> missing.getFile() + " is not there";
            case AccessDeniedException denied -> "no permission for " + denied.getFile();
            default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        };
    }

    private static Path partial(Path target) {
        Path absolute = target.toAbsolutePath();
        return absolute.resolveSibling("." + absolute.getFileName() + PARTIAL
                + Long.toHexString(ThreadLocalRandom.current().nextLong()));
    }
}
