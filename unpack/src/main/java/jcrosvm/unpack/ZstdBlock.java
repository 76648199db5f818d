package jcrosvm.unpack;

import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Decodes compressed blocks: literals, then the sequences that place them (RFC 8878, section 3.1.1.3). */
final class ZstdBlock {
    private static final int[] LITERAL_BASE = {
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512,
        1024, 2048, 4096, 8192, 16384, 32768, 65536
    };
    private static final byte[] LITERAL_BITS = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        16
    };
    private static final int[] MATCH_BASE = {
        3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
        33, 34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539
    };
    private static final byte[] MATCH_BITS = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2,
        2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
    };
    private static final int[] LITERAL_COUNTS = {
        4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1
    };
    private static final int[] MATCH_COUNTS = {
        1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1
    };
    private static final int[] OFFSET_COUNTS = {
        1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1
    };
    private static final int LITERAL_LOG = 9;
    private static final int OFFSET_LOG = 8;
    private static final int MATCH_LOG = 9;
    private static final int OFFSET_CODES = 31;
    private static final int SHORT_COPY = 24;

    private final ZstdHistory history;
    private final byte[] literals = new byte[ZstdInputStream.BLOCK_MAX];
    private final ZstdFse literalDefault;
    private final ZstdFse offsetDefault;
    private final ZstdFse matchDefault;
    private @Nullable ZstdHuffman huffman;
    private @Nullable ZstdFse literalTable;
    private @Nullable ZstdFse offsetTable;
    private @Nullable ZstdFse matchTable;
    private int repeat1 = 1;
    private int repeat2 = 4;
    private int repeat3 = 8;
    private byte[] in = new byte[0];
    private int size;
    private int at;
    private int literalCount;

    ZstdBlock(ZstdHistory history) throws IOException {
        this.history = history;
        literalDefault = ZstdFse.of(6, LITERAL_COUNTS);
        offsetDefault = ZstdFse.of(5, OFFSET_COUNTS);
        matchDefault = ZstdFse.of(6, MATCH_COUNTS);
    }

    /** @throws IndexOutOfBoundsException as well as IOException if the block is damaged */
    void decode(byte[] block, int blockSize) throws IOException {
        in = block;
        size = blockSize;
        at = 0;
        literals();
        int limit = history.end + ZstdInputStream.BLOCK_MAX;
        int used = sequences(limit);
        int rest = literalCount - used;
        if (rest > limit - history.end) {
            throw ZstdInputStream.damaged();
        }
        System.arraycopy(literals, used, history.recent, history.end, rest);
        history.end += rest;
    }

    private int next() throws IOException {
        if (at >= size) {
            throw ZstdInputStream.damaged();
        }
        return in[at++] & 0xff;
    }

    private void literals() throws IOException {
        int first = next();
        int type = first & 3;
        int format = first >> 2 & 3;
        if (type < 2) {
            int count = (format & 1) == 0 ? first >> 3 : first >> 4 | next() << 4;
            if (format == 3) {
                count |= next() << 12;
            }
            plainLiterals(type == 0, count);
        } else {
            packedLiterals(type == 2, first, format);
        }
    }

    private void plainLiterals(boolean raw, int count) throws IOException {
        if (count > literals.length || (raw && count > size - at)) {
            throw ZstdInputStream.damaged();
        }
        if (raw) {
            System.arraycopy(in, at, literals, 0, count);
            at += count;
        } else {
            Arrays.fill(literals, 0, count, (byte) next());
        }
        literalCount = count;
    }

    private void packedLiterals(boolean newTable, int first, int format) throws IOException {
        int width = format < 2 ? 10 : format == 2 ? 14 : 18;
        long header = first;
        for (int i = 1; i < (4 + 2 * width + 7) / 8; i++) {
            header |= (long) next() << (8 * i);
        }
        int count = (int) (header >> 4) & ((1 << width) - 1);
        int packed = (int) (header >> (4 + width)) & ((1 << width) - 1);
        if (count > literals.length || packed > size - at) {
            throw ZstdInputStream.damaged();
        }
        int end = at + packed;
        if (newTable) {
            ZstdHuffman.Described described = ZstdHuffman.read(in, at, end);
            huffman = described.table();
            at = described.end();
        }
        ZstdHuffman table = huffman;
        if (table == null) {
            throw ZstdInputStream.damaged();
        }
        if (format == 0) {
            table.decode(in, at, end, literals, 0, count);
        } else {
            fourStreams(table, end, count);
        }
        at = end;
        literalCount = count;
    }

    private void fourStreams(ZstdHuffman table, int end, int count) throws IOException {
        int part = (count + 3) / 4;
        int stream = at + 6;
        if (stream > end || 3 * part > count) {
            throw ZstdInputStream.damaged();
        }
        for (int i = 0; i < 4; i++) {
            int streamEnd = i == 3 ? end : stream + ((in[at + 2 * i] & 0xff) | (in[at + 2 * i + 1] & 0xff) << 8);
            if (streamEnd > end) {
                throw ZstdInputStream.damaged();
            }
            table.decode(in, stream, streamEnd, literals, i * part, i == 3 ? count - 3 * part : part);
            stream = streamEnd;
        }
    }

    private ZstdFse table(int mode, ZstdFse otherwise, @Nullable ZstdFse previous, int log, int codes)
            throws IOException {
        switch (mode) {
            case 0:
                return otherwise;
            case 1:
                int code = next();
                if (code > codes) {
                    throw ZstdInputStream.damaged();
                }
                return ZstdFse.constant(code);
            case 2:
                ZstdFse.Reader reader = new ZstdFse.Reader(in, at, size);
                ZstdFse read = reader.table(log, codes);
                at = reader.position();
                return read;
            default:
                if (previous == null) {
                    throw ZstdInputStream.damaged();
                }
                return previous;
        }
    }

    /** Executes the sequences; returns how many literals they used. */
    private int sequences(int limit) throws IOException {
        int count = next();
        if (count == 255) {
            count = next() + (next() << 8) + 0x7f00;
        } else if (count >= 128) {
            count = ((count - 128) << 8) + next();
        }
        if (count == 0) {
            return 0;
        }
        int modes = next();
        ZstdFse literal = table(modes >> 6 & 3, literalDefault, literalTable, LITERAL_LOG, LITERAL_BASE.length - 1);
        ZstdFse offset = table(modes >> 4 & 3, offsetDefault, offsetTable, OFFSET_LOG, OFFSET_CODES);
        ZstdFse match = table(modes >> 2 & 3, matchDefault, matchTable, MATCH_LOG, MATCH_BASE.length - 1);
        literalTable = literal;
        offsetTable = offset;
        matchTable = match;
        ZstdBits bits = new ZstdBits(in, at, size);
        int used = execute(bits, literal, offset, match, count, limit);
        if (!bits.finished()) {
            throw ZstdInputStream.damaged();
        }
        return used;
    }

    private int execute(ZstdBits bits, ZstdFse literal, ZstdFse offset, ZstdFse match, int count, int limit)
            throws IOException {
        bits.refill();
        int literalState = bits.read(literal.log);
        int offsetState = bits.read(offset.log);
        int matchState = bits.read(match.log);
        int used = 0;
        for (int left = count; left > 0; left--) {
            bits.refill();
            int offsetCode = offset.symbol[offsetState];
            int offsetValue = (1 << offsetCode) + bits.read(offsetCode);
            int matchCode = match.symbol[matchState];
            int matchLength = MATCH_BASE[matchCode] + bits.read(MATCH_BITS[matchCode]);
            bits.refill();
            int literalCode = literal.symbol[literalState];
            int literalLength = LITERAL_BASE[literalCode] + bits.read(LITERAL_BITS[literalCode]);
            if (left > 1) {
                literalState = literal.base[literalState] + bits.read(literal.bits[literalState]);
                matchState = match.base[matchState] + bits.read(match.bits[matchState]);
                offsetState = offset.base[offsetState] + bits.read(offset.bits[offsetState]);
            }
            int distance = distance(offsetValue, literalLength == 0);
            if (distance <= 0
                    || literalLength > literalCount - used
                    || literalLength + matchLength > limit - history.end) {
                throw ZstdInputStream.damaged();
            }
            place(used, literalLength);
            used += literalLength;
            history.repeat(distance, matchLength);
        }
        return used;
    }

    private void place(int from, int length) {
        byte[] out = history.recent;
        int to = history.end;
        if (length > SHORT_COPY) {
            System.arraycopy(literals, from, out, to, length);
        } else {
            for (int i = 0; i < length; i++) {
                out[to + i] = literals[from + i];
            }
        }
        history.end = to + length;
    }

    /** Values 1 to 3 stand for recent distances, or, when no literals came between, for the next older ones. */
    private int distance(int value, boolean noLiterals) {
        if (value > 3 || value < 0) {
            repeat3 = repeat2;
            repeat2 = repeat1;
            repeat1 = value - 3;
            return repeat1;
        }
        int which = noLiterals ? value + 1 : value;
        if (which == 1) {
            return repeat1;
        }
        int distance = which == 2 ? repeat2 : which == 3 ? repeat3 : repeat1 - 1;
        if (which != 2) {
            repeat3 = repeat2;
        }
        repeat2 = repeat1;
        repeat1 = distance;
        return distance;
    }
}
