package jcrosvm.network.user;

import java.nio.ByteBuffer;

/**
 * Makes packets for the guest, one at a time: the caller puts a payload at {@link #PAYLOAD} of the buffer, then sends it.
 * Packets longer than the MTU are sent in fragments.
 */
final class PacketWriter {
    /** Where payloads of IP begin in the buffer; in front is room for all headers. */
    static final int PAYLOAD = 64;

    static final int ETHERNET = 14;
    static final int ETHERTYPE_V4 = 0x0800;
    static final int ETHERTYPE_ARP = 0x0806;
    static final int ETHERTYPE_V6 = 0x86dd;
    static final long BROADCAST = 0xffff_ffff_ffffL;

    private static final int HOP_LIMIT = 64;
    private static final int V6_FRAGMENT = 44;

    private final ByteBuffer out = ByteBuffer.allocateDirect(PAYLOAD + 65536);
    private final ByteBuffer header = ByteBuffer.allocate(PAYLOAD);
    private final PacketRing ring;
    private final Runnable queued;
    private final long mac;
    private final int mtu;
    private int nextId;

    /** @param queued run after each frame that was queued */
    PacketWriter(PacketRing ring, long mac, int mtu, Runnable queued) {
        this.ring = ring;
        this.mac = mac;
        this.mtu = mtu;
        this.queued = queued;
    }

    /** Where the payload goes. */
    ByteBuffer buffer() {
        return out;
    }

    /** Sends the payload as a frame of its own kind. */
    void sendFrame(long targetMac, int etherType, int length) {
        ethernet(header, 0, targetMac, mac, etherType);
        offer(ETHERNET, PAYLOAD, length);
    }

    /** Fills in UDP's ports, length and checksum; the payload begins with room for them. */
    void sendUdp(
            long targetMac,
            long sourceHigh,
            long sourceLow,
            int sourcePort,
            long targetHigh,
            long targetLow,
            int targetPort,
            int length) {
        out.putShort(PAYLOAD, (short) sourcePort);
        out.putShort(PAYLOAD + 2, (short) targetPort);
        out.putShort(PAYLOAD + 4, (short) length);
        out.putShort(PAYLOAD + 6, (short) 0);
        short sum =
                Checksum.of(Checksum.pseudoHeader(sourceHigh, sourceLow, targetHigh, targetLow, IpPacket.UDP, length)
                        + Checksum.sum(out, PAYLOAD, length));
        out.putShort(PAYLOAD + 6, sum == 0 ? -1 : sum);
        sendIp(targetMac, sourceHigh, sourceLow, targetHigh, targetLow, IpPacket.UDP, HOP_LIMIT, length);
    }

    /** Fills in the checksum of ICMP or ICMPv6. */
    void sendIcmp(
            long targetMac,
            long sourceHigh,
            long sourceLow,
            long targetHigh,
            long targetLow,
            int hopLimit,
            int length) {
        boolean v4 = IpAddress.isV4(sourceHigh, sourceLow);
        int protocol = v4 ? IpPacket.ICMP : IpPacket.ICMPV6;
        out.putShort(PAYLOAD + 2, (short) 0);
        long pseudo = v4 ? 0 : Checksum.pseudoHeader(sourceHigh, sourceLow, targetHigh, targetLow, protocol, length);
        out.putShort(PAYLOAD + 2, Checksum.of(pseudo + Checksum.sum(out, PAYLOAD, length)));
        sendIp(targetMac, sourceHigh, sourceLow, targetHigh, targetLow, protocol, hopLimit, length);
    }

    /** Sends the payload, whose checksum is already there. */
    void sendIp(
            long targetMac,
            long sourceHigh,
            long sourceLow,
            long targetHigh,
            long targetLow,
            int protocol,
            int hopLimit,
            int length) {
        boolean v4 = IpAddress.isV4(sourceHigh, sourceLow);
        int ipHeader = v4 ? 20 : 40;
        ethernet(header, 0, targetMac, mac, v4 ? ETHERTYPE_V4 : ETHERTYPE_V6);
        if (ipHeader + length <= mtu) {
            ip(header, ETHERNET, sourceHigh, sourceLow, targetHigh, targetLow, protocol, hopLimit, length);
            offer(ETHERNET + ipHeader, PAYLOAD, length);
            return;
        }
        nextId++;
        int extra = v4 ? 0 : 8;
        int piece = mtu - ipHeader - extra & ~7;
        for (int at = 0; at < length; at += piece) {
            int n = Math.min(piece, length - at);
            boolean more = at + n < length;
            int p = ETHERNET;
            if (v4) {
                ip(header, p, sourceHigh, sourceLow, targetHigh, targetLow, protocol, hopLimit, n);
                header.putShort(p + 4, (short) nextId);
                header.putShort(p + 6, (short) (at / 8 | (more ? 0x2000 : 0)));
                header.putShort(p + 10, (short) 0);
                header.putShort(p + 10, Checksum.of(Checksum.sum(header, p, 20)));
            } else {
                ip(header, p, sourceHigh, sourceLow, targetHigh, targetLow, V6_FRAGMENT, hopLimit, n + 8);
                header.putShort(p + 40, (short) (protocol << 8));
                header.putShort(p + 42, (short) (at | (more ? 1 : 0)));
                header.putInt(p + 44, nextId);
            }
            offer(ETHERNET + ipHeader + extra, PAYLOAD + at, n);
        }
    }

    private void offer(int headerLength, int at, int length) {
        if (ring.offer(header, 0, headerLength, out, at, length)) {
            queued.run();
        }
    }

    /** Writes an Ethernet header. */
    static void ethernet(ByteBuffer into, int at, long target, long source, int etherType) {
        into.putShort(at, (short) (target >>> 32));
        into.putInt(at + 2, (int) target);
        into.putShort(at + 6, (short) (source >>> 32));
        into.putInt(at + 8, (int) source);
        into.putShort(at + 12, (short) etherType);
    }

    /** Writes an IPv4 or IPv6 header without options. */
    static void ip(
            ByteBuffer into,
            int at,
            long sourceHigh,
            long sourceLow,
            long targetHigh,
            long targetLow,
            int protocol,
            int hopLimit,
            int length) {
        if (IpAddress.isV4(sourceHigh, sourceLow)) {
            into.putInt(at, 0x45000000 | 20 + length & 0xffff);
            into.putInt(at + 4, 0x4000); // Never fragmented, so the identification means nothing (RFC 6864).
            into.putInt(at + 8, hopLimit << 24 | protocol << 16);
            into.putInt(at + 12, (int) sourceLow);
            into.putInt(at + 16, (int) targetLow);
            into.putShort(at + 10, Checksum.of(Checksum.sum(into, at, 20)));
        } else {
            into.putInt(at, 0x60000000);
            into.putShort(at + 4, (short) length);
            into.put(at + 6, (byte) protocol);
            into.put(at + 7, (byte) hopLimit);
            into.putLong(at + 8, sourceHigh);
            into.putLong(at + 16, sourceLow);
            into.putLong(at + 24, targetHigh);
            into.putLong(at + 32, targetLow);
        }
    }
}
