package jcrosvm.unpack;

import java.io.IOException;
import java.util.Arrays;

/** A decoding table of literals (RFC 8878, section 4.2). */
final class ZstdHuffman {
    private static final int MAX_BITS = 11;
    private static final int MAX_SYMBOLS = 256;
    private static final int WEIGHT_LOG = 6;

    private final int log;
    /** By the next {@link #log} bits: the symbol, and above it the bits that it really has. */
    private final short[] table;

    private ZstdHuffman(int log, short[] table) {
        this.log = log;
        this.table = table;
    }

    /** A table and where its description ended. */
    record Described(ZstdHuffman table, int end) {}

    static Described read(byte[] bytes, int start, int end) throws IOException {
        if (start >= end) {
            throw ZstdInputStream.damaged();
        }
        int header = bytes[start] & 0xff;
        int[] weights = new int[MAX_SYMBOLS];
        int at = start + 1;
        int count;
        if (header >= 128) {
            count = header - 127;
            int size = (count + 1) / 2;
            if (size > end - at) {
                throw ZstdInputStream.damaged();
            }
            for (int i = 0; i < count; i++) {
                int pair = bytes[at + i / 2] & 0xff;
                weights[i] = i % 2 == 0 ? pair >> 4 : pair & 15;
            }
            at += size;
        } else {
            if (header > end - at) {
                throw ZstdInputStream.damaged();
            }
            count = weights(bytes, at, at + header, weights);
            at += header;
        }
        return new Described(of(weights, count), at);
    }

    private static int weights(byte[] bytes, int start, int end, int[] into) throws IOException {
        ZstdFse.Reader reader = new ZstdFse.Reader(bytes, start, end);
        ZstdFse fse = reader.table(WEIGHT_LOG, 12);
        ZstdBits bits = new ZstdBits(bytes, reader.position(), end);
        bits.refill();
        int[] states = {bits.read(fse.log), bits.read(fse.log)};
        int count = 0;
        for (int turn = 0; ; turn ^= 1) {
            // One more follows, and the last weight of all is not in the stream.
            if (count >= MAX_SYMBOLS - 2) {
                throw ZstdInputStream.damaged();
            }
            int state = states[turn];
            into[count++] = fse.symbol[state];
            bits.refill();
            states[turn] = fse.base[state] + bits.read(fse.bits[state]);
            if (bits.overread()) {
                into[count++] = fse.symbol[states[turn ^ 1]];
                return count;
            }
        }
    }

    private static ZstdHuffman of(int[] weights, int given) throws IOException {
        int sum = 0;
        for (int i = 0; i < given; i++) {
            if (weights[i] > MAX_BITS) {
                throw ZstdInputStream.damaged();
            }
            sum += 1 << weights[i] >> 1;
        }
        int log = 32 - Integer.numberOfLeadingZeros(sum);
        int rest = (1 << log) - sum;
        if (sum == 0 || log > MAX_BITS || Integer.bitCount(rest) != 1 || given >= MAX_SYMBOLS) {
            throw ZstdInputStream.damaged();
        }
        weights[given] = 32 - Integer.numberOfLeadingZeros(rest);
        short[] table = new short[1 << log];
        int at = 0;
        for (int weight = 1; weight <= log; weight++) {
            for (int symbol = 0; symbol <= given; symbol++) {
                if (weights[symbol] == weight) {
                    int entries = 1 << (weight - 1);
                    Arrays.fill(table, at, at + entries, (short) ((log + 1 - weight) << 8 | symbol));
                    at += entries;
                }
            }
        }
        if (at != table.length) {
            throw ZstdInputStream.damaged();
        }
        return new ZstdHuffman(log, table);
    }

    /** Decodes {@code count} literals from the stream in {@code in[start..end)}. */
    void decode(byte[] in, int start, int end, byte[] out, int to, int count) throws IOException {
        if (end <= start || in[end - 1] == 0) {
            throw ZstdInputStream.damaged();
        }
        int at = end - 1;
        long window = in[at] & 0xff;
        int available = 31 - Integer.numberOfLeadingZeros((int) window);
        int mask = (1 << log) - 1;
        int next = to;
        int last = to + count;
        while (next < last) {
            while (available <= 56 && at > start) {
                window = window << 8 | (in[--at] & 0xff);
                available += 8;
            }
            if (available >= 5 * MAX_BITS && last - next >= 5) {
                for (int i = 0; i < 5; i++) {
                    int entry = table[(int) (window >>> (available - log)) & mask];
                    out[next++] = (byte) entry;
                    available -= entry >> 8;
                }
            } else {
                long ahead = available >= log ? window >>> (available - log) : window << (log - available);
                int entry = table[(int) ahead & mask];
                out[next++] = (byte) entry;
                available -= entry >> 8;
                if (available < 0) {
                    throw ZstdInputStream.damaged();
                }
            }
        }
        if (available != 0 || at != start) {
            throw ZstdInputStream.damaged();
        }
    }
}
