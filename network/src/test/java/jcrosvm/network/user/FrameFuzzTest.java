package jcrosvm.network.user;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What a hostile guest may send: nothing comes back but frames, and afterwards everything works. */
class FrameFuzzTest {
    private static UserNetwork network() {
        // Restricted in what it reaches outside, so that no test sends packets to strangers: only the host's loopback.
        UserNetworkConfig d = UserNetworkConfig.defaults();
        return UserNetwork.open(new UserNetworkConfig(
                List.of("tcp:127.0.0.1:0-:22"),
                d.net(),
                d.ipv6Net(),
                null,
                null,
                null,
                null,
                true,
                UserNetworkConfig.HostLoopback.DENY,
                1500));
    }

    private static List<byte[]> seeds() {
        List<byte[]> seeds = new ArrayList<>();
        UserNetworkConfig d = UserNetworkConfig.defaults();
        AddressPlan plan = AddressPlan.of(d);
        PacketRing ring = new PacketRing(1 << 16);
        long guest = IpAddress.mapped(Guest.ADDRESS);
        long gateway = IpAddress.mapped(Guest.GATEWAY);
        PacketWriter writer = new PacketWriter(ring, Guest.MAC, 1500, () -> {});
        ByteBuffer out = writer.buffer();
        long mac = plan.gatewayMac();
        writer.sendUdp(mac, 0, guest, 68, 0, -1L >>> 32 | 0xffffL << 32, 67, 308);
        writer.sendUdp(mac, 0, guest, 1000, 0, gateway, 53, 100);
        writer.sendUdp(mac, 0, guest, 1000, 0, gateway, 53, 3000);
        writer.sendUdp(mac, plan.prefix(), 99, 1000, plan.prefix(), 3, 53, 3000);
        out.putInt(PacketWriter.PAYLOAD, 0x08000000);
        writer.sendIcmp(mac, 0, guest, 0, gateway, 64, 100);
        out.putInt(PacketWriter.PAYLOAD, 0x80000000);
        writer.sendIcmp(mac, plan.prefix(), 99, plan.prefix(), 2, 64, 100);
        out.putInt(PacketWriter.PAYLOAD, 0x85000000);
        writer.sendIcmp(mac, plan.prefix(), 99, 0xff02L << 48, 2, 255, 16);
        out.putInt(PacketWriter.PAYLOAD, 0x87000000);
        out.putLong(PacketWriter.PAYLOAD + 8, plan.prefix()).putLong(PacketWriter.PAYLOAD + 16, 2);
        writer.sendIcmp(mac, plan.prefix(), 99, 0xff02L << 48, 2, 255, 32);
        new Arp(plan, writer, new Neighbors()).ask(plan.gateway());
        for (int flags : new int[] {2, 16, 18, 4, 17}) {
            out.putInt(PacketWriter.PAYLOAD, 1000 << 16 | 80).putInt(PacketWriter.PAYLOAD + 4, 77);
            out.putInt(PacketWriter.PAYLOAD + 12, 0x8000ffff | flags << 16);
            writer.sendIp(mac, 0, guest, 0, gateway, 6, 64, 60);
        }
        jcrosvm.base.io.IoVec into = new jcrosvm.base.io.IoVec(1);
        java.lang.foreign.MemorySegment memory =
                java.lang.foreign.Arena.ofAuto().allocate(2000);
        while (!ring.isEmpty()) {
            into.clear();
            into.add(memory, 0, 2000);
            int n = ring.poll(into, 0);
            seeds.add(memory.asSlice(0, n).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
        }
        return seeds;
    }

    /** Makes checksums right again, so that damage is seen by what is behind them. */
    private static void repair(ByteBuffer frame, int length) {
        if (length < 34 || frame.getShort(12) != 0x0800) {
            return;
        }
        int header = Math.min((frame.get(14) & 15) * 4, length - 14);
        frame.putShort(24, (short) 0);
        frame.putShort(24, Checksum.of(Checksum.sum(frame, 14, header)));
    }

    @Test
    void nothingLeavesSend() {
        Random random = new Random(42);
        List<byte[]> seeds = seeds();
        try (UserNetwork network = network()) {
            Guest guest = new Guest(network);
            byte[] frame = new byte[70_000];
            for (int i = 0; i < 200_000; i++) {
                byte[] seed = seeds.get(random.nextInt(seeds.size()));
                int length = seed.length;
                System.arraycopy(seed, 0, frame, 0, length);
                if (i % 10 == 0) {
                    length = random.nextInt(random.nextBoolean() ? 100 : 1600);
                    for (int k = 14; k < length; k++) {
                        frame[k] = (byte) random.nextInt();
                    }
                } else {
                    for (int k = random.nextInt(6); k > 0; k--) {
                        int at = random.nextInt(14, Math.min(length, 120));
                        frame[at] =
                                (byte) (random.nextBoolean() ? random.nextInt() : frame[at] ^ 1 << random.nextInt(8));
                    }
                    if (random.nextInt(8) == 0) {
                        length = random.nextInt(length + 1);
                    }
                }
                if (random.nextInt(4) != 0) {
                    repair(ByteBuffer.wrap(frame), length);
                }
                guest.send(frame, length);
                if (i % 100 == 0) {
                    guest.forget();
                }
            }
            guest.forget();
            guest.send(seeds.get(4), seeds.get(4).length);
            assertThat(network.features()).isNotZero();
        }
    }

    /** Segments of a connection that exists, with every number in it made up. */
    @Test
    void aConnectionSurvivesNonsense() throws Exception {
        Random random = new Random(43);
        UserNetworkConfig d = UserNetworkConfig.defaults();
        UserNetworkConfig open = new UserNetworkConfig(
                List.of(), d.net(), null, null, null, null, null, false, UserNetworkConfig.HostLoopback.ALLOW, 1500);
        try (java.net.ServerSocket server =
                        new java.net.ServerSocket(0, 50, java.net.InetAddress.ofLiteral("127.0.0.1"));
                UserNetwork network = UserNetwork.open(open)) {
            Guest guest = new Guest(network);
            List<java.net.Socket> sockets = new ArrayList<>();
            for (int round = 0; round < 40; round++) {
                int own = 2000 + round;
                guest.tcp(Guest.GATEWAY, own, server.getLocalPort(), 100, 0, 2, new byte[0]);
                int theirs = Guest.payload(guest.awaitV4(6)).getInt(4) + 1;
                guest.tcp(Guest.GATEWAY, own, server.getLocalPort(), 101, theirs, 16, new byte[0]);
                java.net.Socket socket = server.accept();
                sockets.add(socket);
                socket.getOutputStream().write(new byte[20_000]);
                for (int i = 0; i < 2000; i++) {
                    int sequence = random.nextInt(4) == 0 ? random.nextInt() : 101 + random.nextInt(-2000, 70_000);
                    int ack = random.nextInt(4) == 0 ? random.nextInt() : theirs + random.nextInt(-2000, 30_000);
                    int flags = random.nextInt(8) == 0 ? random.nextInt(64) : 16;
                    guest.tcp(
                            Guest.GATEWAY,
                            own,
                            server.getLocalPort(),
                            sequence,
                            ack,
                            flags & ~(random.nextInt(10) == 0 ? 0 : 4),
                            new byte[random.nextInt(1400)]);
                    if (i % 50 == 0) {
                        guest.forget();
                    }
                }
                guest.forget();
            }
            for (java.net.Socket socket : sockets) {
                socket.close();
            }
        }
    }
}
