package jcrosvm.unpack;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import org.tukaani.xz.LZMAInputStream;
import org.tukaani.xz.SingleXZInputStream;

/** How a payload is compressed. */
public enum Compression {
    GZIP,
    XZ,
    LZMA,
    LZ4,
    ZSTD;

    /** Bytes that {@link #of} looks at. */
    public static final int MAGIC_SIZE = 8;

    // Well within the heap that the program starts with. Linux compresses with dictionaries of at most 128 MiB.
    private static final int MEMORY_LIMIT_KIB = 132 << 10;

    /** @param head the first {@link #MAGIC_SIZE} bytes, little-endian; null is returned if they are of no known kind */
    public static @Nullable Compression of(ByteBuffer head) {
        int magic = head.getInt(0);
        if ((magic & 0xffff) == 0x8b1f) {
            return GZIP;
        }
        if (magic == 0x587a_37fd) {
            return XZ;
        }
        if (magic == 0x184c_2102) {
            return LZ4;
        }
        if (magic == 0xfd2f_b528) {
            return ZSTD;
        }
        return (magic & 0xff_ffff) == 0x5d ? LZMA : null;
    }

    /**
     * The decompressed content.
     *
     * @param limit most bytes that may come out; a stream that holds more fails when it gets there
     */
    public InputStream open(InputStream packed, long limit) throws IOException {
        return switch (this) {
            case GZIP -> new GZIPInputStream(packed, 64 << 10);
            case XZ -> new SingleXZInputStream(packed, MEMORY_LIMIT_KIB);
            case LZMA -> new LZMAInputStream(packed, MEMORY_LIMIT_KIB);
            case LZ4 -> new Lz4InputStream(packed);
            case ZSTD -> new ZstdInputStream(packed, limit);
        };
    }
}
