package jcrosvm.guest;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Objects;

/**
 * The bytes of one member of an archive, read straight from the archive's stream.
 *
 * <p>It ends where the member ends and can be read only until its archive moves on. An archive that ends earlier is an
 * {@link EOFException}, not a short member. Closing it leaves the archive open, so that a decompressor above may close
 * what it reads from.
 */
final class MemberContent extends InputStream {
    private final InputStream archive;
    private final String name;
    private long remaining;

    MemberContent(InputStream archive, String name, long size) {
        this.archive = archive;
        this.name = name;
        this.remaining = size;
    }

    @Override
    public int read() throws IOException {
        if (remaining == 0) {
            return -1;
        }
        int value = archive.read();
        if (value < 0) {
            throw truncated();
        }
        remaining--;
        return value;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, bytes.length);
        if (length == 0) {
            return 0;
        }
        if (remaining == 0) {
            return -1;
        }
        int count = archive.read(bytes, offset, (int) Math.min(length, remaining));
        if (count < 0) {
            throw truncated();
        }
        remaining -= count;
        return count;
    }

    @Override
    public long skip(long count) throws IOException {
        long skipped = archive.skip(Math.clamp(count, 0, remaining));
        remaining -= skipped;
        return skipped;
    }

    // A gzip reader asks this to learn whether another gzip member follows.
    @Override
    public int available() throws IOException {
        return (int) Math.min(remaining, archive.available());
    }

    @Override
    public void close() {}

    /** Moves the archive to the end of the member, after which nothing more can be read here. */
    void skipRest() throws IOException {
        long rest = remaining;
        remaining = 0;
        try {
            archive.skipNBytes(rest);
        } catch (EOFException e) {
            throw truncated(e);
        }
    }

    private EOFException truncated() {
        return new EOFException("it ends within '" + name + "'");
    }

    private EOFException truncated(EOFException cause) {
        EOFException e = truncated();
        e.initCause(cause);
        return e;
    }
}
