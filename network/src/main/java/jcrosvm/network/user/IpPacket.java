package jcrosvm.network.user;

import java.nio.ByteBuffer;

/**
 * An IP packet of the guest, its lengths checked: what is behind {@link #parse} needs no doubt where things are, only what
 * they mean. One object is used for all packets.
 */
final class IpPacket {
    static final int ICMP = 1;
    static final int TCP = 6;
    static final int UDP = 17;
    static final int ICMPV6 = 58;

    private static final int MAX_EXTENSIONS = 8;
    private static final int HOP_BY_HOP = 0;
    private static final int ROUTING = 43;
    private static final int FRAGMENT = 44;
    private static final int DESTINATION_OPTIONS = 60;

    /** Where the payload is. */
    ByteBuffer data = ByteBuffer.allocate(0);

    int payload;
    int length;
    int protocol;
    int hopLimit;
    boolean isV4;
    long sourceMac;
    long sourceHigh;
    long sourceLow;
    long targetHigh;
    long targetLow;

    /** Whether the payload is only a piece; then where it belongs. */
    boolean isFragment;

    boolean hasMoreFragments;
    int fragmentOffset;
    int fragmentId;

    /**
     * Reads the header.
     *
     * @param at of the IP header
     * @param end of the frame
     * @return false when the packet is to be dropped
     */
    boolean parse(ByteBuffer frame, int at, int end) {
        data = frame;
        if (end - at < 20) {
            return false;
        }
        isFragment = false;
        return switch (frame.get(at) >>> 4 & 15) {
            case 4 -> parseV4(frame, at, end);
            case 6 -> parseV6(frame, at, end);
            default -> false;
        };
    }

    private boolean parseV4(ByteBuffer frame, int at, int end) {
        isV4 = true;
        int header = (frame.get(at) & 15) * 4;
        int total = frame.getShort(at + 2) & 0xffff;
        if (header < 20 || total < header || total > end - at) {
            return false;
        }
        if (Checksum.fold(Checksum.sum(frame, at, header)) != 0xffff) {
            return false;
        }
        int fragment = frame.getShort(at + 6) & 0xffff;
        if ((fragment & 0x3fff) != 0) {
            isFragment = true;
            hasMoreFragments = (fragment & 0x2000) != 0;
            fragmentOffset = (fragment & 0x1fff) * 8;
            fragmentId = frame.getShort(at + 4) & 0xffff;
        }
        hopLimit = frame.get(at + 8) & 0xff;
        protocol = frame.get(at + 9) & 0xff;
        sourceHigh = 0;
        sourceLow = IpAddress.mapped(frame.getInt(at + 12));
        targetHigh = 0;
        targetLow = IpAddress.mapped(frame.getInt(at + 16));
        payload = at + header;
        length = total - header;
        return true;
    }

    private boolean parseV6(ByteBuffer frame, int at, int end) {
        isV4 = false;
        if (end - at < 40) {
            return false;
        }
        int stop = at + 40 + (frame.getShort(at + 4) & 0xffff);
        if (stop > end) {
            return false;
        }
        hopLimit = frame.get(at + 7) & 0xff;
        sourceHigh = frame.getLong(at + 8);
        sourceLow = frame.getLong(at + 16);
        targetHigh = frame.getLong(at + 24);
        targetLow = frame.getLong(at + 32);
        // Mapped addresses have no place on a wire, and here they would stand for IPv4.
        if (IpAddress.isV4(sourceHigh, sourceLow) || IpAddress.isV4(targetHigh, targetLow)) {
            return false;
        }
        int next = frame.get(at + 6) & 0xff;
        int p = at + 40;
        for (int i = 0; i < MAX_EXTENSIONS; i++) {
            if (next != HOP_BY_HOP && next != ROUTING && next != FRAGMENT && next != DESTINATION_OPTIONS) {
                protocol = next;
                payload = p;
                length = stop - p;
                return true;
            }
            if (stop - p < 8) {
                return false;
            }
            int size = next == FRAGMENT ? 8 : ((frame.get(p + 1) & 0xff) + 1) * 8;
            if (stop - p < size || next == ROUTING && frame.get(p + 3) != 0) {
                return false; // A routing header with hops left asks for a detour (RFC 5095).
            }
            if (next == FRAGMENT) {
                int fragment = frame.getShort(p + 2) & 0xffff;
                hasMoreFragments = (fragment & 1) != 0;
                fragmentOffset = fragment & 0xfff8;
                fragmentId = frame.getInt(p + 4);
                if (hasMoreFragments || fragmentOffset != 0) {
                    isFragment = true;
                    protocol = frame.get(p) & 0xff;
                    payload = p + size;
                    length = stop - payload;
                    return true;
                }
            }
            next = frame.get(p) & 0xff;
            p += size;
        }
        return false;
    }

    /** Whether the checksum over the pseudo header and the payload is right. */
    boolean isChecksumRight() {
        return Checksum.fold(Checksum.pseudoHeader(sourceHigh, sourceLow, targetHigh, targetLow, protocol, length)
                        + Checksum.sum(data, payload, length))
                == 0xffff;
    }
}
