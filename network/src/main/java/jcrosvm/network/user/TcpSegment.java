package jcrosvm.network.user;

import java.nio.ByteBuffer;

/** A TCP segment of the guest, its header checked. One object is used for all segments. */
final class TcpSegment {
    static final int FIN = 1;
    static final int SYN = 2;
    static final int RST = 4;
    static final int PSH = 8;
    static final int ACK = 16;
    static final int HEADER = 20;

    private static final int DEFAULT_MSS = 536;
    private static final int MAX_SCALE = 14;

    int sourcePort;
    int targetPort;
    int sequence;
    int acknowledgment;
    int flags;
    int window;
    ByteBuffer data = ByteBuffer.allocate(0);
    int payload;
    int length;
    /** Of a SYN: largest segment that the guest takes. */
    int mss;
    /** Of a SYN: the guest's window scale, or -1. */
    int windowScale;
    /** Of a SYN: selective acknowledgments are understood. */
    boolean isSackPermitted;
    /** How many ranges it acknowledges selectively. */
    int sackBlocks;

    private int sackAt;

    /** False when the segment is to be dropped. */
    boolean parse(IpPacket packet) {
        ByteBuffer in = packet.data;
        int at = packet.payload;
        if (packet.length < HEADER) {
            return false;
        }
        int header = (in.get(at + 12) >>> 4 & 15) * 4;
        if (header < HEADER || header > packet.length) {
            return false;
        }
        sourcePort = in.getShort(at) & 0xffff;
        targetPort = in.getShort(at + 2) & 0xffff;
        sequence = in.getInt(at + 4);
        acknowledgment = in.getInt(at + 8);
        flags = in.get(at + 13) & 0x3f;
        window = in.getShort(at + 14) & 0xffff;
        data = in;
        payload = at + header;
        length = packet.length - header;
        sackBlocks = 0;
        if (header > HEADER) {
            options(in, at + HEADER, payload);
        } else if (has(SYN)) {
            defaults();
        }
        return true;
    }

    private void defaults() {
        mss = DEFAULT_MSS;
        windowScale = -1;
        isSackPermitted = false;
    }

    private void options(ByteBuffer in, int from, int end) {
        defaults();
        for (int p = from; p < end; ) {
            int kind = in.get(p);
            if (kind == 1) {
                p++;
                continue;
            }
            int size = kind == 0 || p + 1 == end ? 0 : in.get(p + 1) & 0xff;
            if (size < 2 || p + size > end) {
                return;
            }
            if (kind == 2 && size == 4) {
                mss = in.getShort(p + 2) & 0xffff;
            } else if (kind == 3 && size == 3) {
                windowScale = Math.min(MAX_SCALE, in.get(p + 2) & 0xff);
            } else if (kind == 4) {
                isSackPermitted = true;
            } else if (kind == 5 && size % 8 == 2) {
                sackAt = p + 2;
                sackBlocks = size / 8;
            }
            p += size;
        }
    }

    int sackStart(int i) {
        return data.getInt(sackAt + 8 * i);
    }

    int sackEnd(int i) {
        return data.getInt(sackAt + 8 * i + 4);
    }

    boolean has(int flag) {
        return (flags & flag) != 0;
    }

    /** Sequence numbers that it takes. */
    int span() {
        return length + (has(SYN) ? 1 : 0) + (has(FIN) ? 1 : 0);
    }
}
