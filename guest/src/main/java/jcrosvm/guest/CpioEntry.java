package jcrosvm.guest;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * One member of a cpio archive.
 *
 * @param path relative to the root of the archive, without a leading slash
 * @param mode type and permissions as in {@code st_mode}
 * @param deviceMajor major number of a device node, else 0
 * @param deviceMinor minor number of a device node, else 0
 * @param content bytes of a file, target of a symbolic link, else empty
 */
record CpioEntry(String path, int mode, int deviceMajor, int deviceMinor, Content content) {
    static final int S_IFCHR = 0020000;
    static final int S_IFDIR = 0040000;
    static final int S_IFBLK = 0060000;
    static final int S_IFREG = 0100000;
    static final int S_IFLNK = 0120000;
    static final int S_IFMT = 0170000;

    boolean isDirectory() {
        return (mode & S_IFMT) == S_IFDIR;
    }

    /** Bytes whose number is known before they are read. */
    interface Content {
        Content EMPTY = of(new byte[0]);

        long length() throws IOException;

        void copyTo(OutputStream out) throws IOException;

        static Content of(byte[] bytes) {
            return new Content() {
                @Override
                public long length() {
                    return bytes.length;
                }

                @Override
                public void copyTo(OutputStream out) throws IOException {
                    out.write(bytes);
                }
            };
        }

        static Content of(Path file) {
            return new Content() {
                @Override
                public long length() throws IOException {
                    return Files.size(file);
                }

                @Override
                public void copyTo(OutputStream out) throws IOException {
                    Files.copy(file, out);
                }
            };
        }
    }
}
