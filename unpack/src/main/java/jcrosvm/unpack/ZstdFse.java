package jcrosvm.unpack;

import java.io.IOException;
import java.util.Arrays;

/** A decoding table of finite state entropy (RFC 8878, section 4.1). */
final class ZstdFse {
    final int log;
    /** By state: the symbol, the bits to read and what to add to them for the next state. */
    final byte[] symbol;

    final byte[] bits;
    final short[] base;

    private ZstdFse(int log) {
        this.log = log;
        symbol = new byte[1 << log];
        bits = new byte[1 << log];
        base = new short[1 << log];
    }

    /** A table with one symbol, which takes no bits. */
    static ZstdFse constant(int value) {
        ZstdFse table = new ZstdFse(0);
        table.symbol[0] = (byte) value;
        return table;
    }

    /** @param counts of each symbol, summing up to the table's size; -1 for less than one */
    static ZstdFse of(int log, int[] counts) throws IOException {
        ZstdFse table = new ZstdFse(log);
        int size = 1 << log;
        int[] next = new int[counts.length];
        int high = size;
        for (int s = 0; s < counts.length; s++) {
            if (counts[s] == -1) {
                table.symbol[--high] = (byte) s;
            }
            next[s] = Math.abs(counts[s]);
        }
        int step = (size >> 1) + (size >> 3) + 3;
        int position = 0;
        for (int s = 0; s < counts.length; s++) {
            for (int i = 0; i < counts[s]; i++) {
                table.symbol[position] = (byte) s;
                do {
                    position = position + step & size - 1;
                } while (position >= high);
            }
        }
        if (position != 0) {
            throw ZstdInputStream.damaged();
        }
        for (int state = 0; state < size; state++) {
            int x = next[table.symbol[state]]++;
            int width = log - (31 - Integer.numberOfLeadingZeros(x));
            table.bits[state] = (byte) width;
            table.base[state] = (short) ((x << width) - size);
        }
        return table;
    }

    /** Reads the description of tables, which is a forward bit stream. */
    static final class Reader {
        private final byte[] bytes;
        private final int end;
        private int at;
        private int bit;

        Reader(byte[] bytes, int start, int end) {
            this.bytes = bytes;
            this.at = start;
            this.end = end;
        }

        /** Index of the first byte behind what was read. */
        int position() {
            return bit == 0 ? at : at + 1;
        }

        private int read(int count) throws IOException {
            int value = 0;
            for (int i = 0; i < count; i++) {
                if (at >= end) {
                    throw ZstdInputStream.damaged();
                }
                value |= (bytes[at] >> bit & 1) << i;
                if (++bit == 8) {
                    bit = 0;
                    at++;
                }
            }
            return value;
        }

        private void back() {
            if (bit == 0) {
                bit = 8;
                at--;
            }
            bit--;
        }

        ZstdFse table(int maxLog, int maxSymbol) throws IOException {
            int log = read(4) + 5;
            if (log > maxLog) {
                throw ZstdInputStream.damaged();
            }
            int[] counts = new int[maxSymbol + 1];
            int symbols = 0;
            int left = 1 << log;
            while (left > 0) {
                if (symbols > maxSymbol) {
                    throw ZstdInputStream.damaged();
                }
                int count = count(left);
                counts[symbols++] = count;
                left -= Math.abs(count);
                if (count == 0) {
                    int zeros;
                    do {
                        zeros = read(2);
                        symbols += zeros;
                    } while (zeros == 3 && symbols <= maxSymbol);
                }
            }
            if (left < 0 || symbols > maxSymbol + 1) {
                throw ZstdInputStream.damaged();
            }
            return of(log, Arrays.copyOf(counts, symbols));
        }

        /** A value of 0 to left + 1 in as few bits as that takes: small ones have one bit less. Less one, a count. */
        private int count(int left) throws IOException {
            int width = 32 - Integer.numberOfLeadingZeros(left + 1);
            int value = read(width);
            int low = value & ((1 << (width - 1)) - 1);
            int spare = (1 << width) - 2 - left;
            if (low < spare) {
                back();
                return low - 1;
            }
            return (value >= 1 << (width - 1) ? value - spare : value) - 1;
        }
    }
}
