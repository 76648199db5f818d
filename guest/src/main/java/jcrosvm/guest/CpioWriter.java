package jcrosvm.guest;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Writes the "newc" form of cpio (magic 070701), the one that Linux unpacks as an initramfs
 * (Documentation/driver-api/early-userspace/buffer-format).
 *
 * <p>Owner and times are zero and inode numbers count up, so equal members give equal bytes.
 */
final class CpioWriter implements AutoCloseable {
    private static final int HEADER = 110;
    private static final long FILE_SIZE_LIMIT = 0xffff_ffffL;
    private static final String TRAILER = "TRAILER!!!";
    private static final int BLOCK = 512;

    private final OutputStream out;
    private long written;
    private int inode;

    CpioWriter(OutputStream out) {
        this.out = out;
    }

    /** Bytes that a member takes in an archive, its padding included. */
    static long sizeOf(CpioEntry entry) throws IOException {
        int name = entry.path().getBytes(StandardCharsets.UTF_8).length + 1;
        return align(HEADER + name, 4) + align(entry.content().length(), 4);
    }

    /** Bytes of an archive whose members take {@code members} bytes. */
    static long archiveSize(long members) {
        return align(members + align(HEADER + TRAILER.length() + 1, 4), BLOCK);
    }

    /**
     * Appends a member.
     *
     * @throws IOException if the content is too long for the format (4 GiB) or changed its length while it was read
     */
    void add(CpioEntry entry) throws IOException {
        long length = entry.content().length();
        if (length > FILE_SIZE_LIMIT) {
            throw new IOException(entry.path() + " has " + length + " bytes, a cpio member holds at most 4 GiB");
        }
        header(entry.path(), ++inode, entry.mode(), entry.isDirectory() ? 2 : 1, length, entry);
        long start = written;
        entry.content().copyTo(new Counted());
        if (written - start != length) {
            throw new IOException(entry.path() + " changed its size while it was read");
        }
        pad(4);
    }

    /** Writes the end mark. The stream stays open: it belongs to the caller. */
    @Override
    public void close() throws IOException {
        header(TRAILER, 0, 0, 1, 0, null);
        pad(BLOCK);
        out.flush();
    }

    private void header(String path, int ino, int mode, int links, long length, @Nullable CpioEntry node)
            throws IOException {
        byte[] name = (path + "\0").getBytes(StandardCharsets.UTF_8);
        StringBuilder fields = new StringBuilder(HEADER).append("070701");
        long[] values = {
            ino,
            mode,
            0, // uid
            0, // gid
            links,
            0, // mtime
            length,
            0, // device of the file system, major
            0, // and minor
            node == null ? 0 : node.deviceMajor(),
            node == null ? 0 : node.deviceMinor(),
            name.length,
            0 // checksum, not used with this magic
        };
        for (long value : values) {
            fields.append(hex(value));
        }
        write(fields.toString().getBytes(StandardCharsets.US_ASCII));
        write(name);
        pad(4);
    }

    private static String hex(long value) {
        String digits = Long.toHexString(value);
        return "0".repeat(8 - digits.length()) + digits;
    }

    private static long align(long value, int to) {
        return (value + to - 1) / to * to;
    }

    private void pad(int to) throws IOException {
        write(new byte[(int) (align(written, to) - written)]);
    }

    private void write(byte[] bytes) throws IOException {
        out.write(bytes);
        written += bytes.length;
    }

    private final class Counted extends OutputStream {
        @Override
        public void write(int value) throws IOException {
            out.write(value);
            written++;
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            out.write(bytes, offset, length);
            written += length;
        }
    }
}
