package jcrosvm.network.user;

import java.nio.ByteBuffer;

/** The Internet checksum (RFC 1071). Sums are kept in longs, unfolded; buffers are big-endian. */
final class Checksum {
    private Checksum() {}

    /** Sum of a range that begins at an even place of what is summed. */
    static long sum(ByteBuffer bytes, int offset, int length) {
        long sum = 0;
        int at = offset;
        int end = offset + length;
        for (; at + 8 <= end; at += 8) {
            long word = bytes.getLong(at);
            sum += (word >>> 32) + (word & 0xffffffffL);
        }
        for (; at + 2 <= end; at += 2) {
            sum += bytes.getShort(at) & 0xffff;
        }
        if (at < end) {
            sum += (bytes.get(at) & 0xff) << 8;
        }
        return sum;
    }

    /** Sum of the pseudo header of TCP, UDP and ICMPv6 (RFC 9293, 3.1; RFC 8200, 8.1). */
    static long pseudoHeader(
            long sourceHigh, long sourceLow, long targetHigh, long targetLow, int protocol, int length) {
        if (IpAddress.isV4(sourceHigh, sourceLow)) {
            return (sourceLow & 0xffffffffL) + (targetLow & 0xffffffffL) + protocol + length;
        }
        return (sourceHigh >>> 32)
                + (sourceHigh & 0xffffffffL)
                + (sourceLow >>> 32)
                + (sourceLow & 0xffffffffL)
                + (targetHigh >>> 32)
                + (targetHigh & 0xffffffffL)
                + (targetLow >>> 32)
                + (targetLow & 0xffffffffL)
                + protocol
                + length;
    }

    /** A sum as 16 bits, not inverted. */
    static int fold(long sum) {
        long folded = (sum >>> 32) + (sum & 0xffffffffL);
        folded = (folded >>> 16) + (folded & 0xffff);
        folded = (folded >>> 16) + (folded & 0xffff);
        folded = (folded >>> 16) + (folded & 0xffff);
        return (int) folded;
    }

    /** What goes into a header for a sum. */
    static short of(long sum) {
        return (short) ~fold(sum);
    }
}
