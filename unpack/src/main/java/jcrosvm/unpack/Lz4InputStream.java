package jcrosvm.unpack;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;

/** The legacy LZ4 frame, which is what Linux uses: blocks of up to 8 MiB, each on its own. */
final class Lz4InputStream extends InputStream {
    private static final int MAGIC = 0x184c_2102;
    private static final int BLOCK = 8 << 20;
    private static final int PACKED_MAX = BLOCK + BLOCK / 255 + 16;
    private static final int MIN_MATCH = 4;
    private static final int SHORT_COPY = 24;

    private final InputStream packed;
    private byte[] input = new byte[0];
    private final byte[] output = new byte[BLOCK];
    private int next;
    private int filled;

    Lz4InputStream(InputStream packed) throws IOException {
        this.packed = packed;
        if (size() != MAGIC) {
            throw new IOException("no LZ4 legacy frame");
        }
    }

    /** A little-endian number, or -1 at the end. */
    private int size() throws IOException {
        byte[] b = packed.readNBytes(4);
        return b.length < 4 ? -1 : (b[0] & 0xff) | (b[1] & 0xff) << 8 | (b[2] & 0xff) << 16 | b[3] << 24;
    }

    private boolean fill() throws IOException {
        while (next == filled) {
            int size = size();
            if (size == -1) {
                return false;
            }
            if (size == MAGIC) {
                continue;
            }
            if (size <= 0 || size > PACKED_MAX) {
                throw new IOException("LZ4 block of " + Integer.toUnsignedString(size) + " bytes");
            }
            if (input.length < size) {
                input = new byte[size];
            }
            if (packed.readNBytes(input, 0, size) < size) {
                throw new EOFException("LZ4 block is cut off");
            }
            next = 0;
            filled = decode(input, size, output);
        }
        return true;
    }

    @Override
    public int read() throws IOException {
        return fill() ? output[next++] & 0xff : -1;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        if (!fill()) {
            return -1;
        }
        int n = Math.min(length, filled - next);
        System.arraycopy(output, next, into, offset, n);
        next += n;
        return n;
    }

    /** Decodes one block; returns the bytes that came out. */
    private static int decode(byte[] in, int size, byte[] out) throws IOException {
        int at = 0;
        int to = 0;
        try {
            while (at < size) {
                int token = in[at++] & 0xff;
                int literals = token >>> 4;
                if (literals == 15) {
                    int more;
                    do {
                        more = in[at++] & 0xff;
                        literals += more;
                    } while (more == 255 && literals <= BLOCK);
                }
                if (literals > size - at) {
                    throw new IOException("LZ4 block is damaged");
                }
                System.arraycopy(in, at, out, to, literals);
                at += literals;
                to += literals;
                if (at >= size) {
                    break;
                }
                int distance = (in[at] & 0xff) | (in[at + 1] & 0xff) << 8;
                at += 2;
                int match = (token & 15) + MIN_MATCH;
                if ((token & 15) == 15) {
                    int more;
                    do {
                        more = in[at++] & 0xff;
                        match += more;
                    } while (more == 255 && match <= BLOCK);
                }
                if (distance == 0 || distance > to || match > BLOCK - to) {
                    throw new IOException("LZ4 block is damaged");
                }
                copy(out, to - distance, to, match);
                to += match;
            }
        } catch (IndexOutOfBoundsException e) {
            throw new IOException("LZ4 block is damaged", e);
        }
        return to;
    }

    /** Copies within the array; where the ranges overlap the copy repeats what it has just written. */
    static void copy(byte[] bytes, int from, int to, int length) {
        if (length > SHORT_COPY && to - from >= length) {
            System.arraycopy(bytes, from, bytes, to, length);
            return;
        }
        for (int i = 0; i < length; i++) {
            bytes[to + i] = bytes[from + i];
        }
    }
}
