package jcrosvm.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import jcrosvm.base.VmmException;

/** Makes a disk that can be written to from one that must stay as it is. */
@FunctionalInterface
public interface DiskCopy {
    /** A raw copy, which shares space with its source where the host's file system can do that. */
    DiskCopy RAW = DiskCopy::raw;

    /**
     * Makes the copy.
     *
     * @param base a raw image, which stays where it is as long as the copy is used
     * @param directory for the copy's files
     * @return the copy
     */
    Path make(Path base, Path directory);

    private static Path raw(Path base, Path directory) {
        Path copy = directory.resolve("disk.raw");
        try {
            // It knows of holes and reflinks, and belongs to the host's essential packages as apt does.
            Process process = new ProcessBuilder(
                            "cp", "--sparse=always", "--reflink=auto", base.toString(), copy.toString())
                    .redirectErrorStream(true)
                    .start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new VmmException(
                        "cannot copy the disk: " + output.lines().findFirst().orElse("cp failed and gave no reason"));
            }
            return copy;
        } catch (IOException e) {
            throw new VmmException("cannot copy the disk: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new VmmException("interrupted while the disk was copied", e);
        }
    }
}
