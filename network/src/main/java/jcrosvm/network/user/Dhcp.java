package jcrosvm.network.user;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** A DHCP server (RFC 2131) with one address to give. */
final class Dhcp {
    static final int SERVER_PORT = 67;
    static final int CLIENT_PORT = 68;

    private static final int FIXED = 236;
    private static final int MAGIC = 0x63825363;
    private static final int LEASE_SECONDS = 86400;
    /** Old clients want at least this much (RFC 1542, 2.1). */
    private static final int MIN_LENGTH = 300;

    private static final int DISCOVER = 1;
    private static final int OFFER = 2;
    private static final int REQUEST = 3;
    private static final int ACK = 5;
    private static final int NAK = 6;
    private static final int INFORM = 8;

    private static final int SUBNET_MASK = 1;
    private static final int ROUTER = 3;
    private static final int DNS = 6;
    private static final int HOST_NAME = 12;
    private static final int MTU = 26;
    private static final int BROADCAST = 28;
    private static final int REQUESTED = 50;
    private static final int LEASE = 51;
    private static final int MESSAGE_TYPE = 53;
    private static final int SERVER = 54;
    private static final int END = 255;

    private final AddressPlan plan;
    private final PacketWriter writer;
    private final byte @Nullable [] hostname;
    private final int mtu;
    private final boolean isRouter;

    /** @param isRouter whether there is anything behind the router */
    Dhcp(AddressPlan plan, PacketWriter writer, @Nullable String hostname, int mtu, boolean isRouter) {
        this.plan = plan;
        this.writer = writer;
        this.hostname = hostname == null ? null : hostname.getBytes(StandardCharsets.US_ASCII);
        this.mtu = mtu;
        this.isRouter = isRouter;
    }

    /** @param at of the message, behind the header of UDP */
    void receive(ByteBuffer in, int at, int length) {
        // A request by Ethernet addresses of 6 bytes.
        if (length < FIXED + 4 || in.getShort(at) != 0x0101 || in.get(at + 2) != 6 || in.getInt(at + FIXED) != MAGIC) {
            return;
        }
        int type = 0;
        int requested = in.getInt(at + 12);
        int server = plan.gateway();
        for (int p = at + FIXED + 4; p < at + length; ) {
            int option = in.get(p++) & 0xff;
            if (option == 0) {
                continue;
            }
            if (option == END || p >= at + length) {
                break;
            }
            int size = in.get(p++) & 0xff;
            if (p + size > at + length) {
                break;
            }
            if (option == MESSAGE_TYPE && size == 1) {
                type = in.get(p);
            } else if (option == REQUESTED && size == 4) {
                requested = in.getInt(p);
            } else if (option == SERVER && size == 4) {
                server = in.getInt(p);
            }
            p += size;
        }
        if (server != plan.gateway()) {
            return;
        }
        switch (type) {
            case DISCOVER -> reply(in, at, OFFER);
            case REQUEST -> reply(in, at, requested == plan.guest() ? ACK : NAK);
            case INFORM -> reply(in, at, ACK);
            default -> {}
        }
    }

    private void reply(ByteBuffer in, int at, int type) {
        ByteBuffer out = writer.buffer();
        int start = PacketWriter.PAYLOAD + 8;
        for (int i = 0; i < MIN_LENGTH; i += 4) {
            out.putInt(start + i, 0);
        }
        long mac = Arp.mac(in, at + 28);
        int client = in.getInt(at + 12);
        int address = type == NAK ? 0 : plan.guest();
        out.putInt(start, 0x02010600);
        out.putInt(start + 4, in.getInt(at + 4));
        out.putShort(start + 10, in.getShort(at + 10));
        out.putInt(start + 12, type == NAK ? 0 : client);
        out.putInt(start + 16, address);
        out.putInt(start + 20, plan.gateway());
        out.put(start + 28, in, at + 28, 16);
        out.putInt(start + FIXED, MAGIC);
        int p = start + FIXED + 4;
        out.put(p++, (byte) MESSAGE_TYPE).put(p++, (byte) 1).put(p++, (byte) type);
        p = put(out, p, SERVER, plan.gateway());
        if (type != NAK) {
            p = put(out, p, SUBNET_MASK, plan.mask());
            p = put(out, p, BROADCAST, plan.broadcast());
            p = put(out, p, LEASE, LEASE_SECONDS);
            if (isRouter) {
                p = put(out, p, ROUTER, plan.gateway());
                p = put(out, p, DNS, plan.dns());
            }
            out.put(p++, (byte) MTU).put(p++, (byte) 2).putShort(p, (short) mtu);
            p += 2;
            if (hostname != null) {
                out.put(p++, (byte) HOST_NAME).put(p++, (byte) hostname.length);
                out.put(p, hostname);
                p += hostname.length;
            }
        }
        out.put(p++, (byte) END);
        int length = Math.max(p - start, MIN_LENGTH);
        // A client that has no address yet says whether it can receive what is sent to that address (RFC 2131, 4.1).
        boolean broadcast = type == NAK || in.getShort(at + 10) < 0;
        writer.sendUdp(
                broadcast ? PacketWriter.BROADCAST : mac,
                0,
                IpAddress.mapped(plan.gateway()),
                SERVER_PORT,
                0,
                IpAddress.mapped(broadcast ? -1 : client != 0 ? client : address),
                CLIENT_PORT,
                8 + length);
    }

    private static int put(ByteBuffer out, int at, int option, int value) {
        out.put(at, (byte) option).put(at + 1, (byte) 4).putInt(at + 2, value);
        return at + 6;
    }
}
