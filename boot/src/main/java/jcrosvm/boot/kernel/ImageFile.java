package jcrosvm.boot.kernel;

import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.memory.GuestMemory;

/** A file to be loaded: headers are read into arrays, the rest straight into guest memory. */
public final class ImageFile implements AutoCloseable {
    private static final int STREAM_BUFFER = 256 << 10;

    private final String kind;
    private final Path path;
    private final Fd fd;
    private final long size;

    private ImageFile(String kind, Path path, Fd fd, long size) {
        this.kind = kind;
        this.path = path;
        this.fd = fd;
        this.size = size;
    }

    /**
     * @param kind what the file is to the user, such as "kernel"
     * @throws VmmException if it cannot be read, is no regular file or is empty
     */
    public static ImageFile open(String kind, Path path) {
        if (!Files.exists(path)) {
            throw new VmmException(kind + " '" + path + "' does not exist");
        }
        // Opening a FIFO would wait for a writer.
        if (!Files.isRegularFile(path)) {
            throw new VmmException(kind + " '" + path + "' is not a regular file");
        }
        Fd fd = Fd.open(path, Fd.O_RDONLY);
        try {
            long size = sizeOf(fd, kind, path);
            if (size == 0) {
                throw new VmmException(kind + " '" + path + "' is empty");
            }
            return new ImageFile(kind, path, fd, size);
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
    }

    // Some files of /proc look like regular ones.
    private static long sizeOf(Fd fd, String kind, Path path) {
        try {
            return fd.size();
        } catch (OsException e) {
            throw new VmmException(kind + " '" + path + "' has no size: " + e.getMessage(), e);
        }
    }

    public long size() {
        return size;
    }

    public Path path() {
        return path;
    }

    /** A failure that names this file. */
    public VmmException bad(String what) {
        return new VmmException(kind + " '" + path + "': " + what);
    }

    /** Whether the range lies in the file; safe against any values. */
    public boolean contains(long position, long length) {
        return position >= 0 && length >= 0 && length <= size && position <= size - length;
    }

    /**
     * Reads a small piece.
     *
     * @throws VmmException if the file ends before
     */
    public byte[] bytes(long position, int length) {
        if (!contains(position, length)) {
            throw truncated(position, length);
        }
        byte[] result = new byte[length];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(Math.max(1, length));
            for (int done = 0; done < length; ) {
                long n = fd.pread(buffer.asSlice(done, length - done), position + done);
                if (n == 0) {
                    throw truncated(position, length);
                }
                done += (int) n;
            }
            MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, result, 0, length);
        }
        return result;
    }

    /** As {@link #bytes}, little-endian. */
    public ByteBuffer buffer(long position, int length) {
        return ByteBuffer.wrap(bytes(position, length)).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Reads a piece into guest RAM, which the caller has found to be there. */
    public void load(GuestMemory memory, long position, long address, long length) {
        if (!contains(position, length) || memory.readFrom(fd, position, address, length) < length) {
            throw truncated(position, length);
        }
    }

    /** A stream over a piece of the file. */
    InputStream stream(long position, long length) {
        return new Piece(position, length);
    }

    private VmmException truncated(long position, long length) {
        return bad("truncated: 0x%x bytes at 0x%x are needed, the file has 0x%x".formatted(length, position, size));
    }

    @Override
    public void close() {
        fd.close();
    }

    private final class Piece extends InputStream {
        private final byte[] buffer = new byte[STREAM_BUFFER];
        private long position;
        private final long end;
        private int next;
        private int filled;

        Piece(long position, long length) {
            this.position = position;
            this.end = position + length;
        }

        private boolean fill() {
            if (next < filled) {
                return true;
            }
            int n = (int) Math.min(buffer.length, end - position);
            if (n <= 0) {
                return false;
            }
            System.arraycopy(bytes(position, n), 0, buffer, 0, n);
            position += n;
            next = 0;
            filled = n;
            return true;
        }

        @Override
        public int read() {
            return fill() ? buffer[next++] & 0xff : -1;
        }

        @Override
        public int read(byte[] into, int offset, int length) {
            if (length == 0) {
                return 0;
            }
            if (!fill()) {
                return -1;
            }
            int n = Math.min(length, filled - next);
            System.arraycopy(buffer, next, into, offset, n);
            next += n;
            return n;
        }
    }
}
