package jcrosvm.unpack;

import java.io.IOException;

/** A Zstandard bit stream that is read from its end to its start (RFC 8878, section 4.1). */
final class ZstdBits {
    private final byte[] bytes;
    private final int start;
    private int at;
    private long window;
    private int available;
    private int lacking;

    /** The stream in {@code bytes[start..end)}. */
    ZstdBits(byte[] bytes, int start, int end) throws IOException {
        if (end <= start || bytes[end - 1] == 0) {
            throw ZstdInputStream.damaged();
        }
        this.bytes = bytes;
        this.start = start;
        this.at = end - 1;
        // The highest bit set only marks the end.
        this.window = bytes[at] & 0xff;
        this.available = 31 - Integer.numberOfLeadingZeros((int) window);
    }

    /** Makes at least 57 bits available unless the stream has fewer. */
    void refill() {
        while (available <= 56 && at > start) {
            window = window << 8 | (bytes[--at] & 0xff);
            available += 8;
        }
    }

    /** The next {@code count} bits, at most 32, after a {@link #refill} that covers them; zeros after the end. */
    int read(int count) {
        if (count > available) {
            int lack = count - available;
            window <<= lack;
            available += lack;
            lacking += lack;
        }
        available -= count;
        return (int) ((window >>> available) & ((1L << count) - 1));
    }

    /** Whether more was read than there is. */
    boolean overread() {
        return lacking > 0;
    }

    /** Whether exactly everything was read. */
    boolean finished() {
        return at == start && available == 0 && lacking == 0;
    }
}
