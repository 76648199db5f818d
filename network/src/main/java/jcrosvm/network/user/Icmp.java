package jcrosvm.network.user;

import java.nio.ByteBuffer;

/** Echo to the router and errors to the guest, in ICMP (RFC 792) and ICMPv6 (RFC 4443). */
final class Icmp {
    /** Why a packet went nowhere, with the codes of ICMP and ICMPv6. */
    enum Unreachable {
        NETWORK(0, 0),
        HOST(1, 3),
        PORT(3, 4),
        PROHIBITED(13, 1);

        final int code;
        final int code6;

        Unreachable(int code, int code6) {
            this.code = code;
            this.code6 = code6;
        }
    }

    private static final int ECHO_REPLY = 0;
    private static final int UNREACHABLE = 3;
    private static final int ECHO_REQUEST = 8;
    private static final int TIME_EXCEEDED = 11;
    private static final int UNREACHABLE6 = 1;
    private static final int TIME_EXCEEDED6 = 3;
    private static final int ECHO_REQUEST6 = 128;
    private static final int ECHO_REPLY6 = 129;

    private final AddressPlan plan;
    private final PacketWriter writer;

    Icmp(AddressPlan plan, PacketWriter writer) {
        this.plan = plan;
        this.writer = writer;
    }

    /** An echo request; everything else that guests send to a router asks for nothing. */
    void receive(IpPacket packet) {
        int type = packet.length < 8 ? -1 : packet.data.get(packet.payload) & 0xff;
        if (type != (packet.isV4 ? ECHO_REQUEST : ECHO_REQUEST6) || !isRight(packet)) {
            return;
        }
        if (!plan.isGateway(packet.targetHigh, packet.targetLow) && !plan.isDns(packet.targetHigh, packet.targetLow)) {
            // Sockets without privileges carry no ICMP, so no host can be asked.
            unreachable(packet, Unreachable.PROHIBITED);
            return;
        }
        ByteBuffer out = writer.buffer();
        out.put(PacketWriter.PAYLOAD, packet.data, packet.payload, packet.length);
        out.putShort(PacketWriter.PAYLOAD, (short) ((packet.isV4 ? ECHO_REPLY : ECHO_REPLY6) << 8));
        writer.sendIcmp(
                packet.sourceMac,
                /* sourceHigh= */ packet.targetHigh,
                /* sourceLow= */ packet.targetLow,
                /* targetHigh= */ packet.sourceHigh,
                /* targetLow= */ packet.sourceLow,
                64,
                packet.length);
    }

    private static boolean isRight(IpPacket packet) {
        return packet.isV4
                ? Checksum.fold(Checksum.sum(packet.data, packet.payload, packet.length)) == 0xffff
                : packet.isChecksumRight();
    }

    /** Tells the guest that its packet went nowhere. Never an error about a multicast or an error. */
    void unreachable(IpPacket packet, Unreachable why) {
        error(packet, packet.isV4 ? UNREACHABLE << 8 | why.code : UNREACHABLE6 << 8 | why.code6);
    }

    void timeExceeded(IpPacket packet) {
        error(packet, (packet.isV4 ? TIME_EXCEEDED : TIME_EXCEEDED6) << 8);
    }

    private void error(IpPacket packet, int typeAndCode) {
        int quoted = Math.min(packet.length, 64);
        if (quoted >= 8) {
            begin(typeAndCode);
            ByteBuffer out = writer.buffer();
            int at = quote(
                    packet.sourceHigh,
                    packet.sourceLow,
                    packet.targetHigh,
                    packet.targetLow,
                    packet.protocol,
                    packet.length);
            out.put(at, packet.data, packet.payload, quoted);
            send(packet.sourceMac, packet.sourceHigh, packet.sourceLow, at + quoted - PacketWriter.PAYLOAD);
        }
    }

    /** The same for a packet that is gone: TCP's and UDP's ports, and TCP's sequence number, are all that matters. */
    void unreachable(FlowKey flow, long mac, int protocol, int third, Unreachable why) {
        boolean v4 = IpAddress.isV4(flow.guestHigh, flow.guestLow);
        begin(v4 ? UNREACHABLE << 8 | why.code : UNREACHABLE6 << 8 | why.code6);
        ByteBuffer out = writer.buffer();
        int at = quote(flow.guestHigh, flow.guestLow, flow.remoteHigh, flow.remoteLow, protocol, 8);
        out.putInt(at, flow.ports());
        out.putInt(at + 4, third);
        send(mac, flow.guestHigh, flow.guestLow, at + 8 - PacketWriter.PAYLOAD);
    }

    private void begin(int typeAndCode) {
        writer.buffer().putInt(PacketWriter.PAYLOAD, typeAndCode << 16);
        writer.buffer().putInt(PacketWriter.PAYLOAD + 4, 0);
    }

    /** Writes the IP header of what the error is about; where its payload goes. */
    private int quote(long sourceHigh, long sourceLow, long targetHigh, long targetLow, int protocol, int length) {
        int at = PacketWriter.PAYLOAD + 8;
        PacketWriter.ip(writer.buffer(), at, sourceHigh, sourceLow, targetHigh, targetLow, protocol, 64, length);
        return at + (IpAddress.isV4(sourceHigh, sourceLow) ? 20 : 40);
    }

    private void send(long mac, long high, long low, int length) {
        if (IpAddress.isV4(high, low)) {
            writer.sendIcmp(mac, 0, IpAddress.mapped(plan.gateway()), high, low, 64, length);
        } else {
            writer.sendIcmp(mac, plan.prefix(), AddressPlan.GATEWAY6, high, low, 64, length);
        }
    }
}
