package jcrosvm.unpack;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/** One Zstandard frame without a dictionary (RFC 8878, section 3.1); its checksum is not looked at. */
final class ZstdInputStream extends InputStream {
    static final int BLOCK_MAX = 128 << 10;

    private static final int MAGIC = 0xfd2f_b528;
    private static final int RAW = 0;
    private static final int RLE = 1;
    private static final int COMPRESSED = 2;

    private final InputStream packed;
    private final ZstdHistory history;
    private final ZstdBlock decoder;
    private final byte[] block = new byte[BLOCK_MAX];
    private int next;
    private boolean last;

    /** @param limit most bytes that may come out */
    ZstdInputStream(InputStream packed, long limit) throws IOException {
        this.packed = packed;
        if (number(4) != (MAGIC & 0xffff_ffffL)) {
            throw new IOException("no Zstandard frame");
        }
        int descriptor = (int) number(1);
        boolean single = (descriptor & 0x20) != 0;
        if ((descriptor & 8) != 0) {
            throw damaged();
        }
        if (!single) {
            // The window size: all output is kept anyway.
            number(1);
        }
        int dictionary = descriptor & 3;
        if (number(dictionary == 3 ? 4 : dictionary) != 0) {
            throw new IOException("a Zstandard dictionary is needed");
        }
        int sizeFlag = descriptor >> 6;
        number(sizeFlag == 0 ? single ? 1 : 0 : 1 << sizeFlag);
        history = new ZstdHistory(limit);
        decoder = new ZstdBlock(history);
    }

    static IOException damaged() {
        return new IOException("Zstandard frame is damaged");
    }

    private long number(int size) throws IOException {
        byte[] bytes = packed.readNBytes(size);
        if (bytes.length < size) {
            throw new EOFException("Zstandard frame is cut off");
        }
        long value = 0;
        for (int i = size - 1; i >= 0; i--) {
            value = value << 8 | (bytes[i] & 0xff);
        }
        return value;
    }

    private boolean fill() throws IOException {
        while (next == history.end) {
            if (last) {
                return false;
            }
            int header = (int) number(3);
            last = (header & 1) != 0;
            int type = header >> 1 & 3;
            int size = header >> 3;
            if (size > BLOCK_MAX || type > COMPRESSED) {
                throw damaged();
            }
            next = history.begin();
            int input = type == RLE ? 1 : size;
            if (packed.readNBytes(block, 0, input) < input) {
                throw new EOFException("Zstandard block is cut off");
            }
            switch (type) {
                case RAW -> {
                    System.arraycopy(block, 0, history.recent, next, size);
                    history.end += size;
                }
                case RLE -> {
                    Arrays.fill(history.recent, next, next + size, block[0]);
                    history.end += size;
                }
                default -> decode(size);
            }
            history.keep();
        }
        return true;
    }

    private void decode(int size) throws IOException {
        try {
            decoder.decode(block, size);
        } catch (IndexOutOfBoundsException e) {
            throw new IOException("Zstandard frame is damaged", e);
        }
    }

    @Override
    public int read() throws IOException {
        return fill() ? history.recent[next++] & 0xff : -1;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        if (!fill()) {
            return -1;
        }
        int n = Math.min(length, history.end - next);
        System.arraycopy(history.recent, next, into, offset, n);
        next += n;
        return n;
    }

    @Override
    public void close() throws IOException {
        history.close();
        packed.close();
    }
}
