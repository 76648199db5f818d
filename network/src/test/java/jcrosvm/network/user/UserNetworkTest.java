package jcrosvm.network.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UserNetworkTest {
    private static final InetAddress LOOPBACK = InetAddress.ofLiteral("127.0.0.1");
    private static final byte[] NOTHING = {};
    private static final int SYN = TcpSegment.SYN;
    private static final int ACK = TcpSegment.ACK;
    private static final int FIN = TcpSegment.FIN;
    private static final int RST = TcpSegment.RST;

    private static UserNetworkConfig config(boolean restrict, UserNetworkConfig.HostLoopback loopback, String... fwd) {
        UserNetworkConfig d = UserNetworkConfig.defaults();
        return new UserNetworkConfig(
                List.of(fwd), d.net(), d.ipv6Net(), null, null, null, "guest", restrict, loopback, 1500);
    }

    private static UserNetwork open(String... forwards) {
        return UserNetwork.open(config(false, UserNetworkConfig.HostLoopback.ALLOW, forwards));
    }

    private static void sayHello(Guest guest) {
        ByteBuffer arp = ByteBuffer.allocate(28);
        arp.putInt(0x00010800).putShort((short) 0x0604).putShort((short) 1);
        Arp.putMac(arp, 8, Guest.MAC);
        arp.putInt(14, Guest.ADDRESS).putInt(24, Guest.GATEWAY);
        guest.ethernet(PacketWriter.ETHERTYPE_ARP, arp.array());
    }

    @Test
    void resolvesTheRouterOnly() {
        try (UserNetwork network = open()) {
            Guest guest = new Guest(network);
            sayHello(guest);
            ByteBuffer reply = guest.await(frame -> frame.getShort(12) == 0x0806);
            assertThat(Arp.mac(reply, 0)).isEqualTo(Guest.MAC);
            assertThat(reply.getShort(20)).isEqualTo((short) 2);
            assertThat(Arp.mac(reply, 22)).isEqualTo(0x5255_0a00_0202L);
            assertThat(reply.getInt(28)).isEqualTo(Guest.GATEWAY);
        }
    }

    @Test
    void answersEchoAndSaysWhereItCannotGo() {
        try (UserNetwork network = open()) {
            Guest guest = new Guest(network);
            ByteBuffer echo = ByteBuffer.allocate(1400);
            echo.putInt(0x08000000).putInt(0x12345678).put("payload".getBytes(StandardCharsets.US_ASCII));
            echo.putShort(2, Checksum.of(Checksum.sum(echo, 0, echo.capacity())));
            guest.ipv4(Guest.ADDRESS, Guest.GATEWAY, IpPacket.ICMP, echo.array());
            ByteBuffer reply = Guest.payload(guest.awaitV4(IpPacket.ICMP));
            assertThat(reply.getShort(0)).isZero();
            assertThat(Checksum.fold(Checksum.sum(reply, 0, reply.capacity()))).isEqualTo(0xffff);
            assertThat(reply.slice(4, 1396)).isEqualTo(echo.slice(4, 1396));
            guest.ipv4(Guest.ADDRESS, 0x08080808, IpPacket.ICMP, echo.array());
            assertThat(Guest.payload(guest.awaitV4(IpPacket.ICMP)).getShort(0)).isEqualTo((short) 0x030d);
            guest.ipv4(
                    Guest.ADDRESS, 0x0a000263, IpPacket.UDP, Guest.datagram(Guest.ADDRESS, 0x0a000263, 1, 2, NOTHING));
            assertThat(Guest.payload(guest.awaitV4(IpPacket.ICMP)).getShort(0)).isEqualTo((short) 0x0301);
        }
    }

    @Test
    void carriesDatagramsBothWaysInFragmentsToo() throws IOException {
        try (UserNetwork network = open();
                DatagramSocket server = new DatagramSocket(0, LOOPBACK)) {
            server.setSoTimeout(5000);
            Guest guest = new Guest(network);
            byte[] large = new byte[4000];
            new Random(1).nextBytes(large);
            byte[] datagram = Guest.datagram(Guest.ADDRESS, Guest.GATEWAY, 1000, server.getLocalPort(), large);
            // The last piece first
            for (int at : new int[] {2960, 0, 1480}) {
                int n = Math.min(1480, datagram.length - at);
                ByteBuffer packet = ByteBuffer.allocate(20 + n);
                PacketWriter.ip(
                        packet, 0, 0, IpAddress.mapped(Guest.ADDRESS), 0, IpAddress.mapped(Guest.GATEWAY), 17, 64, n);
                packet.putShort(4, (short) 77);
                packet.putShort(6, (short) (at / 8 | (at + n < datagram.length ? 0x2000 : 0)));
                packet.putShort(10, (short) 0);
                packet.putShort(10, Checksum.of(Checksum.sum(packet, 0, 20)));
                packet.put(20, datagram, at, n);
                guest.ethernet(0x0800, packet.array());
            }
            DatagramPacket got = new DatagramPacket(new byte[65536], 65536);
            server.receive(got);
            assertThat(Arrays.copyOf(got.getData(), got.getLength())).isEqualTo(large);

            server.send(new DatagramPacket(large, large.length, got.getSocketAddress()));
            ByteBuffer whole = ByteBuffer.allocate(4008);
            for (int i = 0; i < 3; i++) {
                ByteBuffer piece = guest.awaitV4(IpPacket.UDP);
                assertThat(piece.capacity()).isLessThanOrEqualTo(1514);
                whole.put((piece.getShort(20) & 0x1fff) * 8, Guest.payload(piece), 0, piece.capacity() - 34);
            }
            assertThat(whole.slice(8, 4000)).isEqualTo(ByteBuffer.wrap(large));
            assertThat(Checksum.fold(Guest.sum(Guest.GATEWAY, Guest.ADDRESS, 17, whole)))
                    .isEqualTo(0xffff);
        }
    }

    /** RFC 768: a datagram's length is at least 8, its header's. */
    @Test
    void carriesEmptyDatagramsBothWays() throws IOException {
        try (UserNetwork network = open("udp:127.0.0.1:0-:7");
                DatagramSocket server = new DatagramSocket(0, LOOPBACK);
                DatagramSocket client = new DatagramSocket(0, LOOPBACK)) {
            server.setSoTimeout(5000);
            client.setSoTimeout(5000);
            Guest guest = new Guest(network);
            sayHello(guest);
            DatagramPacket got = new DatagramPacket(new byte[100], 100);
            int port = server.getLocalPort();
            java.net.SocketAddress peer = null;
            for (int round = 0; round < 50; round++) {
                guest.udp(Guest.GATEWAY, 1000, port, NOTHING);
                server.receive(got);
                assertThat(got.getLength()).isZero();
                assertThat(peer == null || peer.equals(got.getSocketAddress()))
                        .as("one end")
                        .isTrue();
                peer = got.getSocketAddress();
                server.send(new DatagramPacket(new byte[] {(byte) round}, 1, peer));
                server.send(new DatagramPacket(NOTHING, 0, peer));
                // Not lost by sending an empty one.
                guest.udp(Guest.GATEWAY, 1000, port, NOTHING);
                server.receive(got);
                ByteBuffer reply = Guest.payload(guest.awaitV4(IpPacket.UDP));
                assertThat(reply.capacity()).isEqualTo(9);
                assertThat(reply.get(8)).isEqualTo((byte) round);
                assertThat(Guest.payload(guest.awaitV4(IpPacket.UDP)).capacity())
                        .isEqualTo(8);
            }
            guest.udp(Guest.GATEWAY, 1000, port, new byte[] {1});
            server.receive(got);
            assertThat(got.getLength()).isEqualTo(1);
            assertThat(got.getSocketAddress()).isEqualTo(peer);

            client.send(
                    new DatagramPacket(NOTHING, 0, LOOPBACK, network.udpPorts().getFirst()));
            ByteBuffer forwarded = Guest.payload(guest.awaitV4(IpPacket.UDP));
            assertThat(forwarded.capacity()).isEqualTo(8);
            guest.udp(Guest.GATEWAY, 7, forwarded.getShort(0) & 0xffff, NOTHING);
            client.receive(got);
            assertThat(got.getLength()).isZero();
        }
    }

    @Test
    void forwardsQueriesToTheHostsNameServer(@TempDir Path folder) throws IOException {
        // Port 53 of a loopback address needs privileges in many places.
        try (DatagramSocket server = new DatagramSocket(new InetSocketAddress("127.0.0.77", 53))) {
            server.setSoTimeout(5000);
            Path file = Files.writeString(folder.resolve("resolv.conf"), "# x\nnameserver 127.0.0.77\n");
            try (UserNetwork network = UserNetwork.open(config(false, UserNetworkConfig.HostLoopback.DENY), file)) {
                Guest guest = new Guest(network);
                guest.udp(Guest.DNS, 5353, 53, new byte[] {1, 2, 3});
                DatagramPacket got = new DatagramPacket(new byte[100], 100);
                server.receive(got);
                assertThat(got.getLength()).isEqualTo(3);
                server.send(new DatagramPacket(new byte[] {4, 5}, 2, got.getSocketAddress()));
                ByteBuffer reply = guest.awaitV4(IpPacket.UDP);
                assertThat(reply.getInt(26)).isEqualTo(Guest.DNS);
                assertThat(Guest.payload(reply).getShort(8)).isEqualTo((short) 0x0405);
            }
        } catch (java.net.BindException e) {
            org.junit.jupiter.api.Assumptions.abort("no right to listen at port 53: " + e.getMessage());
        }
    }

    @Test
    void keepsTheGuestFromTheHostUnlessAsked() throws IOException {
        try (ServerSocket server = new ServerSocket(0, 5, LOOPBACK);
                UserNetwork network = UserNetwork.open(config(false, UserNetworkConfig.HostLoopback.DENY))) {
            Guest guest = new Guest(network);
            int port = server.getLocalPort();
            guest.tcp(Guest.GATEWAY, 1000, port, 7, 0, SYN, NOTHING);
            assertThat(Guest.payload(guest.awaitV4(IpPacket.TCP)).getShort(12)).isEqualTo((short) 0x5014);
            List<String> targets = new java.util.ArrayList<>(List.of("127.0.0.1", "0.0.0.0", "169.254.169.254"));
            java.net.NetworkInterface.networkInterfaces()
                    .flatMap(java.net.NetworkInterface::inetAddresses)
                    .filter(address -> address instanceof java.net.Inet4Address)
                    .forEach(address -> targets.add(address.getHostAddress()));
            for (String target : targets) {
                int address = java.util.Objects.requireNonNull(IpAddress.parse(target))
                        .v4();
                guest.tcp(address, 1001, port, 7, 0, SYN, NOTHING);
                assertThat(Guest.payload(guest.awaitV4(IpPacket.ICMP)).getShort(0))
                        .as(target)
                        .isEqualTo((short) 0x030d);
                guest.udp(address, 1001, port, NOTHING);
                assertThat(Guest.payload(guest.awaitV4(IpPacket.ICMP)).getShort(0))
                        .as(target)
                        .isEqualTo((short) 0x030d);
            }
            server.setSoTimeout(1);
            assertThatThrownBy(server::accept).isInstanceOf(java.net.SocketTimeoutException.class);
        }
    }

    @Test
    void restrictedGuestsReachNothing() {
        try (UserNetwork network = UserNetwork.open(config(true, UserNetworkConfig.HostLoopback.ALLOW))) {
            Guest guest = new Guest(network);
            guest.tcp(0x08080808, 1000, 80, 7, 0, SYN, NOTHING);
            assertThat(Guest.payload(guest.awaitV4(IpPacket.ICMP)).getShort(0)).isEqualTo((short) 0x030d);
            guest.udp(Guest.DNS, 1000, 53, NOTHING);
            assertThat(Guest.payload(guest.awaitV4(IpPacket.ICMP)).getShort(0)).isEqualTo((short) 0x0303);
            guest.tcp(Guest.GATEWAY, 1000, 80, 7, 0, SYN, NOTHING);
            assertThat(Guest.payload(guest.awaitV4(IpPacket.TCP)).getShort(12)).isEqualTo((short) 0x5014);
        }
    }

    @Test
    void refusedConnectionsAreReset() throws IOException {
        int port;
        try (ServerSocket gone = new ServerSocket(0, 5, LOOPBACK)) {
            port = gone.getLocalPort();
        }
        try (UserNetwork network = open()) {
            Guest guest = new Guest(network);
            guest.tcp(Guest.GATEWAY, 1000, port, 7, 0, SYN, NOTHING);
            ByteBuffer reset = Guest.payload(guest.awaitV4(IpPacket.TCP));
            assertThat(reset.getShort(12)).isEqualTo((short) 0x5014);
            assertThat(reset.getInt(8)).isEqualTo(8);
        }
    }

    @Test
    void aConnectionLivesFromSynToFin() throws IOException {
        try (ServerSocket server = new ServerSocket(0, 5, LOOPBACK);
                UserNetwork network = open()) {
            Guest guest = new Guest(network);
            int port = server.getLocalPort();
            guest.tcp(Guest.GATEWAY, 1000, port, 100, 0, SYN, NOTHING);
            ByteBuffer synAck = Guest.payload(guest.awaitV4(IpPacket.TCP));
            assertThat(synAck.get(13)).isEqualTo((byte) (SYN | ACK));
            assertThat(synAck.getInt(8)).isEqualTo(101);
            int theirs = synAck.getInt(4) + 1;
            guest.tcp(Guest.GATEWAY, 1000, port, 101, theirs, ACK, NOTHING);
            try (Socket socket = server.accept()) {
                socket.setSoTimeout(5000);
                // The second half first, then all of it again.
                guest.tcp(Guest.GATEWAY, 1000, port, 104, theirs, ACK, "def".getBytes(StandardCharsets.US_ASCII));
                assertThat(Guest.payload(guest.awaitV4(IpPacket.TCP)).getInt(8)).isEqualTo(101);
                guest.forget();
                guest.tcp(Guest.GATEWAY, 1000, port, 101, theirs, ACK, "abcd".getBytes(StandardCharsets.US_ASCII));
                assertThat(Guest.payload(guest.awaitV4(IpPacket.TCP)).getInt(8)).isEqualTo(107);
                assertThat(socket.getInputStream().readNBytes(6))
                        .isEqualTo("abcdef".getBytes(StandardCharsets.US_ASCII));

                socket.getOutputStream().write("xyz".getBytes(StandardCharsets.US_ASCII));
                ByteBuffer data = Guest.payload(guest.awaitV4(IpPacket.TCP));
                assertThat(data.slice(20, 3)).isEqualTo(ByteBuffer.wrap("xyz".getBytes(StandardCharsets.US_ASCII)));
                // Not acknowledged, so it comes again.
                ByteBuffer again = Guest.payload(guest.awaitV4(IpPacket.TCP));
                assertThat(again.getInt(4)).isEqualTo(theirs);
                assertThat(again.capacity()).isEqualTo(23);

                // The guest ends; the other direction goes on.
                guest.tcp(Guest.GATEWAY, 1000, port, 107, theirs + 3, ACK | FIN, NOTHING);
                assertThat(socket.getInputStream().read()).isEqualTo(-1);
                guest.forget();
                socket.getOutputStream().write('!');
                ByteBuffer last = Guest.payload(guest.await(frame -> Guest.isV4(frame, 6) && frame.capacity() > 54));
                assertThat(last.getInt(8)).isEqualTo(108);
                socket.close();
                guest.tcp(Guest.GATEWAY, 1000, port, 108, theirs + 4, ACK, NOTHING);
                guest.await(frame -> Guest.isV4(frame, 6) && (frame.get(47) & FIN) != 0);
                guest.tcp(Guest.GATEWAY, 1000, port, 108, theirs + 5, ACK, NOTHING);
                guest.forget();
                // Now nobody knows it any more.
                guest.tcp(Guest.GATEWAY, 1000, port, 108, theirs + 5, ACK, NOTHING);
                assertThat(Guest.payload(guest.awaitV4(IpPacket.TCP)).get(13)).isEqualTo((byte) RST);
            }
        }
    }

    @Test
    void resetsGoThrough() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, LOOPBACK);
                UserNetwork network = open()) {
            Guest guest = new Guest(network);
            int port = server.getLocalPort();
            for (int i = 0; i < 2; i++) {
                int own = 1000 + i;
                guest.tcp(Guest.GATEWAY, own, port, 100, 0, SYN, NOTHING);
                int theirs = Guest.payload(guest.awaitV4(IpPacket.TCP)).getInt(4) + 1;
                guest.tcp(Guest.GATEWAY, own, port, 101, theirs, ACK, NOTHING);
                Socket socket = server.accept();
                socket.setSoTimeout(5000);
                if (i == 0) {
                    guest.tcp(Guest.GATEWAY, own, port, 101, theirs, RST, NOTHING);
                    assertThatThrownBy(() -> socket.getInputStream().read()).hasMessageContaining("reset");
                } else {
                    socket.setSoLinger(true, 0);
                    socket.close();
                    assertThat(Guest.payload(guest.awaitV4(IpPacket.TCP)).get(13))
                            .isEqualTo((byte) (RST | ACK));
                }
                socket.close();
            }
        }
    }

    @Test
    void forwardedPortsLeadToTheGuest() throws IOException {
        try (UserNetwork network = open("tcp:127.0.0.1:0-:22", "udp:127.0.0.1:0-:23")) {
            Guest guest = new Guest(network);
            try (Socket socket = new Socket(LOOPBACK, network.tcpPorts().getFirst())) {
                guest.await(frame -> frame.getShort(12) == 0x0806); // Who is the guest?
                sayHello(guest);
                ByteBuffer frame = guest.awaitV4(IpPacket.TCP);
                ByteBuffer syn = Guest.payload(frame);
                assertThat(frame.getInt(26)).isEqualTo(Guest.GATEWAY);
                assertThat(syn.getShort(2)).isEqualTo((short) 22);
                assertThat(syn.get(13)).isEqualTo((byte) SYN);
                int theirs = syn.getShort(0) & 0xffff;
                guest.tcp(Guest.GATEWAY, 22, theirs, 500, syn.getInt(4) + 1, SYN | ACK, NOTHING);
                guest.tcp(Guest.GATEWAY, 22, theirs, 501, syn.getInt(4) + 1, ACK, new byte[] {'h', 'i'});
                socket.setSoTimeout(5000);
                assertThat(socket.getInputStream().readNBytes(2)).isEqualTo(new byte[] {'h', 'i'});
            }
            guest.forget();
            try (DatagramSocket peer = new DatagramSocket(0, LOOPBACK)) {
                peer.setSoTimeout(5000);
                peer.send(new DatagramPacket(
                        new byte[] {9}, 1, LOOPBACK, network.udpPorts().getFirst()));
                ByteBuffer datagram = Guest.payload(guest.awaitV4(IpPacket.UDP));
                assertThat(datagram.getShort(2)).isEqualTo((short) 23);
                guest.udp(Guest.GATEWAY, 23, datagram.getShort(0) & 0xffff, new byte[] {8});
                DatagramPacket answer = new DatagramPacket(new byte[10], 10);
                peer.receive(answer);
                assertThat(answer.getData()[0]).isEqualTo((byte) 8);
                assertThat(answer.getPort()).isEqualTo(network.udpPorts().getFirst());
            }
        }
    }

    @Test
    void aPortInUseIsOneClearError() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 5, LOOPBACK)) {
            String forward = "tcp:127.0.0.1:" + taken.getLocalPort() + "-:22";
            assertThatThrownBy(() -> open("tcp:127.0.0.1:0-:21", forward).close())
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("127.0.0.1 port " + taken.getLocalPort())
                    .hasMessageContaining(forward)
                    .hasMessageContaining("in use");
        }
    }

    private static int descriptors() {
        return java.util.Objects.requireNonNull(
                        Path.of("/proc/self/fd").toFile().list())
                .length;
    }

    /** Of a guest that sends to as many places as it can, as fast as it can. */
    @Test
    void flowsAndTheirSocketsMeetALimit() {
        try (UserNetwork network = open()) {
            Guest guest = new Guest(network);
            int before = descriptors();
            int most = 0;
            for (int i = 0; i < 20_000; i++) {
                guest.udp(Guest.GATEWAY, 1 + i % 60_000, 9 + i % 50_000, new byte[] {1});
                if (i % 500 == 0) {
                    guest.forget();
                    most = Math.max(most, descriptors() - before);
                }
            }
            for (int i = 0; i < 20_000; i++) {
                guest.tcp(Guest.GATEWAY, 1 + i, 9, 7, 0, SYN, NOTHING);
                guest.tcp(Guest.GATEWAY, 1 + i, 9, 8, 0, RST, NOTHING);
                if (i % 500 == 0) {
                    guest.forget();
                    most = Math.max(most, descriptors() - before);
                }
            }
            // 512 flows, 1024 connections, and those that wait to be closed.
            assertThat(most).isLessThan(512 + 1024 + 128 + 64);
        }
    }

    @Test
    void manyConnectionsMeetALimit() throws IOException {
        try (ServerSocket server = new ServerSocket(0, 5, LOOPBACK);
                UserNetwork network = open()) {
            Guest guest = new Guest(network);
            for (int i = 0; i < 20_000; i++) {
                guest.tcp(Guest.GATEWAY, 1 + i, server.getLocalPort(), i, 0, SYN, NOTHING);
                guest.udp(Guest.GATEWAY, 1 + i, server.getLocalPort(), NOTHING);
            }
            guest.forget();
            sayHello(guest);
            guest.await(frame -> frame.getShort(12) == 0x0806);
        }
    }
}
