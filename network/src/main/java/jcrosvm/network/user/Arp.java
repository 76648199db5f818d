package jcrosvm.network.user;

import java.nio.ByteBuffer;

/** Address resolution for IPv4 (RFC 826): answers for the router and the name server, asks for the guest. */
final class Arp {
    private static final int LENGTH = 28;
    private static final int ETHERNET_IPV4 = 0x0001;
    private static final int REQUEST = 1;
    private static final int REPLY = 2;

    private final AddressPlan plan;
    private final PacketWriter writer;
    private final Neighbors neighbors;

    Arp(AddressPlan plan, PacketWriter writer, Neighbors neighbors) {
        this.plan = plan;
        this.writer = writer;
        this.neighbors = neighbors;
    }

    /** True when it told where a guest's address is. */
    boolean receive(ByteBuffer frame, int at, int end) {
        if (end - at < LENGTH
                || frame.getInt(at) != (ETHERNET_IPV4 << 16 | PacketWriter.ETHERTYPE_V4)
                || frame.getShort(at + 4) != 0x0604) {
            return false;
        }
        int operation = frame.getShort(at + 6);
        long senderMac = mac(frame, at + 8);
        int sender = frame.getInt(at + 14);
        int target = frame.getInt(at + 24);
        boolean isGuest = (sender & plan.mask()) == plan.net() && !isOurs(sender) && (senderMac >>> 40 & 1) == 0;
        boolean news = isGuest && neighbors.learn(0, IpAddress.mapped(sender), senderMac);
        if (operation == REQUEST && isOurs(target)) {
            write(REPLY, /* sender= */ target, senderMac, /* target= */ sender);
            writer.sendFrame(senderMac, PacketWriter.ETHERTYPE_ARP, LENGTH);
        }
        return news;
    }

    private boolean isOurs(int address) {
        return address == plan.gateway() || address == plan.dns();
    }

    void ask(int address) {
        write(REQUEST, plan.gateway(), 0, address);
        writer.sendFrame(PacketWriter.BROADCAST, PacketWriter.ETHERTYPE_ARP, LENGTH);
    }

    private void write(int operation, int sender, long targetMac, int target) {
        ByteBuffer out = writer.buffer();
        int at = PacketWriter.PAYLOAD;
        out.putInt(at, ETHERNET_IPV4 << 16 | PacketWriter.ETHERTYPE_V4);
        out.putShort(at + 4, (short) 0x0604);
        out.putShort(at + 6, (short) operation);
        putMac(out, at + 8, plan.gatewayMac());
        out.putInt(at + 14, sender);
        putMac(out, at + 18, targetMac);
        out.putInt(at + 24, target);
    }

    static long mac(ByteBuffer bytes, int at) {
        return (bytes.getShort(at) & 0xffffL) << 32 | bytes.getInt(at + 2) & 0xffffffffL;
    }

    static void putMac(ByteBuffer into, int at, long mac) {
        into.putShort(at, (short) (mac >>> 32));
        into.putInt(at + 2, (int) mac);
    }
}
