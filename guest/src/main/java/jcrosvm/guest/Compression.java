package jcrosvm.guest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import jcrosvm.base.VmmException;
import org.tukaani.xz.XZInputStream;

/** Streams that unpack what the end of a file name says: .gz, .xz, .zst, or nothing. */
final class Compression {
    // What the strongest preset of xz needs is 65 MiB; a damaged or hostile header may ask for 4 GiB.
    private static final int MAX_XZ_KIB = 128 << 10;

    private Compression() {}

    /**
     * Unpacks a stream.
     *
     * @param name of the file, for its ending
     */
    static InputStream unpack(String name, InputStream packed) throws IOException {
        if (name.endsWith(".gz")) {
            return new GZIPInputStream(packed, 1 << 16);
        }
        if (name.endsWith(".xz")) {
            return new XZInputStream(packed, MAX_XZ_KIB);
        }
        if (name.endsWith(".zst")) {
            return zstd(name, packed);
        }
        return packed;
    }

    /** The whole content of a file, unpacked. */
    static byte[] read(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file);
                InputStream unpacked = unpack(file.getFileName().toString(), in)) {
            return unpacked.readAllBytes();
        }
    }

    // No package that a guest here needs uses zstd; a library for the odd one that does would not pay for itself.
    private static InputStream zstd(String name, InputStream packed) throws IOException {
        Path whole = Files.createTempFile("jcrosvm-", ".zst");
        try {
            Files.copy(packed, whole, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
            Process process;
            try {
                process = new ProcessBuilder("zstd", "-dcq", whole.toString())
                        .redirectError(ProcessBuilder.Redirect.DISCARD)
                        .start();
            } catch (IOException e) {
                throw new VmmException(name + " is packed with zstd, and there is no program zstd: install zstd", e);
            }
            byte[] content;
            try (InputStream out = process.getInputStream()) {
                content = out.readAllBytes();
            }
            if (process.waitFor() != 0) {
                throw new IOException(name + " is damaged: zstd cannot unpack it");
            }
            return new java.io.ByteArrayInputStream(content);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            Files.deleteIfExists(whole);
        }
    }
}
