package jcrosvm.network.user;

import java.nio.ByteBuffer;

/** Neighbor discovery and router advertisements for IPv6 (RFC 4861), with the name server in them (RFC 8106). */
final class NeighborDiscovery {
    static final long ADVERTISE_NANOS = 600_000_000_000L;

    private static final int ROUTER_SOLICITATION = 133;
    private static final int ROUTER_ADVERTISEMENT = 134;
    private static final int NEIGHBOR_SOLICITATION = 135;
    private static final int NEIGHBOR_ADVERTISEMENT = 136;
    private static final int ROUTER_SECONDS = 1800;
    private static final int SOURCE_LINK_ADDRESS = 1;
    private static final int TARGET_LINK_ADDRESS = 2;
    private static final long MULTICAST = 0xff02L << 48;
    private static final long ALL_NODES = 1;
    private static final long MULTICAST_MAC = 0x3333L << 32;

    private final AddressPlan plan;
    private final PacketWriter writer;
    private final Neighbors neighbors;
    private final int mtu;
    private final boolean isRouter;
    private boolean isWanted;

    NeighborDiscovery(AddressPlan plan, PacketWriter writer, Neighbors neighbors, int mtu, boolean isRouter) {
        this.plan = plan;
        this.writer = writer;
        this.neighbors = neighbors;
        this.mtu = mtu;
        this.isRouter = isRouter;
    }

    /** Whether the guest ever asked for a router: then it is told again from time to time. */
    boolean isWanted() {
        return isWanted;
    }

    /** Takes an ICMPv6 message; false when it is none of these. Packets from afar have a lower hop limit, and are not. */
    boolean receive(IpPacket packet) {
        int type = packet.length < 8 ? -1 : packet.data.get(packet.payload) & 0xff;
        if (type < ROUTER_SOLICITATION || type > NEIGHBOR_ADVERTISEMENT) {
            return false;
        }
        if (packet.hopLimit != 255 || !packet.isChecksumRight()) {
            return true;
        }
        if (type == ROUTER_SOLICITATION) {
            isWanted = true;
            advertise();
        } else if (type == NEIGHBOR_SOLICITATION && packet.length >= 24) {
            long high = packet.data.getLong(packet.payload + 8);
            long low = packet.data.getLong(packet.payload + 16);
            if (plan.isGateway(high, low) || plan.isDns(high, low)) {
                answer(packet, high, low);
            }
        } else if (type == NEIGHBOR_ADVERTISEMENT && packet.length >= 24) {
            long high = packet.data.getLong(packet.payload + 8);
            long low = packet.data.getLong(packet.payload + 16);
            if (plan.isInside(high, low) && !plan.isGateway(high, low) && !plan.isDns(high, low)) {
                neighbors.learn(high, low, packet.sourceMac);
            }
        }
        return true;
    }

    private void answer(IpPacket packet, long high, long low) {
        // The unspecified address asks whether another host has this one already, and cannot be answered alone.
        boolean toAll = packet.sourceHigh == 0 && packet.sourceLow == 0;
        ByteBuffer out = writer.buffer();
        int at = PacketWriter.PAYLOAD;
        out.putInt(at, NEIGHBOR_ADVERTISEMENT << 24);
        out.putInt(at + 4, (plan.isGateway(high, low) ? 0x80000000 : 0) | (toAll ? 0 : 0x40000000) | 0x20000000);
        out.putLong(at + 8, high);
        out.putLong(at + 16, low);
        out.putShort(at + 24, (short) (TARGET_LINK_ADDRESS << 8 | 1));
        Arp.putMac(out, at + 26, plan.gatewayMac());
        if (toAll) {
            writer.sendIcmp(MULTICAST_MAC | ALL_NODES, high, low, MULTICAST, ALL_NODES, 255, 32);
        } else {
            writer.sendIcmp(packet.sourceMac, high, low, packet.sourceHigh, packet.sourceLow, 255, 32);
        }
    }

    /** Tells all about the router, the prefix and the name server. */
    void advertise() {
        ByteBuffer out = writer.buffer();
        int at = PacketWriter.PAYLOAD;
        out.putInt(at, ROUTER_ADVERTISEMENT << 24);
        out.putInt(at + 4, 64 << 24 | (isRouter ? ROUTER_SECONDS : 0));
        out.putLong(at + 8, 0);
        out.putShort(at + 16, (short) (SOURCE_LINK_ADDRESS << 8 | 1));
        Arp.putMac(out, at + 18, plan.gatewayMac());
        out.putInt(at + 24, 5 << 24 | 1 << 16); // MTU
        out.putInt(at + 28, mtu);
        out.putInt(at + 32, 3 << 24 | 4 << 16 | 64 << 8 | 0xc0); // Prefix: on the link, and for addresses
        out.putInt(at + 36, 86400);
        out.putInt(at + 40, 14400);
        out.putInt(at + 44, 0);
        out.putLong(at + 48, plan.prefix());
        out.putLong(at + 56, 0);
        int length = 64;
        if (isRouter) {
            out.putInt(at + 64, 25 << 24 | 3 << 16); // Recursive DNS server
            out.putInt(at + 68, ROUTER_SECONDS);
            out.putLong(at + 72, plan.prefix());
            out.putLong(at + 80, AddressPlan.DNS6);
            length = 88;
        }
        writer.sendIcmp(
                MULTICAST_MAC | ALL_NODES,
                AddressPlan.LINK_LOCAL,
                plan.linkLocalGateway(),
                MULTICAST,
                ALL_NODES,
                255,
                length);
    }

    /** Asks where an address is. */
    void ask(IpAddress address) {
        ByteBuffer out = writer.buffer();
        int at = PacketWriter.PAYLOAD;
        out.putInt(at, NEIGHBOR_SOLICITATION << 24);
        out.putInt(at + 4, 0);
        out.putLong(at + 8, address.high());
        out.putLong(at + 16, address.low());
        out.putShort(at + 24, (short) (SOURCE_LINK_ADDRESS << 8 | 1));
        Arp.putMac(out, at + 26, plan.gatewayMac());
        long node = 0x1_ff00_0000L | address.low() & 0xffffff; // Solicited-node address (RFC 4291, 2.7.1)
        writer.sendIcmp(
                MULTICAST_MAC | node & 0xffffffffL,
                AddressPlan.LINK_LOCAL,
                plan.linkLocalGateway(),
                MULTICAST,
                node,
                255,
                32);
    }
}
