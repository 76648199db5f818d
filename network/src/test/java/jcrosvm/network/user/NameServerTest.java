package jcrosvm.network.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.BindException;
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
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A resolver whose answer does not fit a datagram: it is truncated, and asked for again by TCP (RFC 7766). */
@Timeout(120)
class NameServerTest {
    private static final InetAddress ADDRESS = InetAddress.ofLiteral("127.0.0.78");
    private static final int PORT = 53;
    private static final int ANSWER = 60_000;
    private static final int TRUNCATED = 0x8200;
    private static final int COMPLETE = 0x8000;
    private static final int OWN_PORT = 40_000;
    private static final byte[] NOTHING = {};

    @TempDir
    private Path folder;

    /** The header and a question for the texts of {@code big.test}. */
    private static byte[] query(int id) {
        ByteBuffer query = ByteBuffer.allocate(12 + 10 + 4);
        query.putShort((short) id)
                .putShort((short) 0x0100)
                .putShort((short) 1)
                .putShort((short) 0)
                .putInt(0);
        for (String label : List.of("big", "test")) {
            query.put((byte) label.length()).put(label.getBytes(StandardCharsets.US_ASCII));
        }
        query.put((byte) 0).putShort((short) 16).putShort((short) 1);
        return query.array();
    }

    /** The query with other flags, and with bytes for its resource records. */
    private static byte[] answer(byte[] query, int flags, int length) {
        byte[] all = new byte[length];
        new Random(7).nextBytes(all);
        System.arraycopy(query, 0, all, 0, query.length);
        ByteBuffer.wrap(all).putShort(2, (short) flags);
        return all;
    }

    private UserNetwork network(String... servers) throws IOException {
        StringBuilder text = new StringBuilder();
        for (String server : servers) {
            text.append("nameserver ").append(server).append('\n');
        }
        UserNetworkConfig d = UserNetworkConfig.defaults();
        UserNetworkConfig config = new UserNetworkConfig(
                List.of(),
                d.net(),
                d.ipv6Net(),
                null,
                null,
                null,
                "guest",
                false,
                UserNetworkConfig.HostLoopback.DENY,
                1500);
        return UserNetwork.open(config, Files.writeString(folder.resolve("resolv.conf"), text.toString()));
    }

    @Test
    void answersThatAreTooLongForADatagramComeByTcp() throws IOException {
        try (DatagramSocket datagrams = new DatagramSocket(new InetSocketAddress(ADDRESS, PORT));
                ServerSocket streams = new ServerSocket(PORT, 5, ADDRESS);
                UserNetwork network = network(ADDRESS.getHostAddress())) {
            datagrams.setSoTimeout(20_000);
            streams.setSoTimeout(20_000);
            Guest guest = new Guest(network);
            byte[] query = query(0x1234);
            guest.udp(Guest.DNS, 5353, PORT, query);
            DatagramPacket got = new DatagramPacket(new byte[512], 512);
            datagrams.receive(got);
            byte[] head = answer(query, TRUNCATED, query.length);
            datagrams.send(new DatagramPacket(head, head.length, got.getSocketAddress()));
            ByteBuffer truncated = Guest.payload(guest.awaitV4(IpPacket.UDP));
            assertThat(truncated.getShort(10)).isEqualTo((short) TRUNCATED);

            StreamOfGuest stream = new StreamOfGuest(guest);
            try (Socket client = streams.accept()) {
                client.setSoTimeout(20_000);
                for (int round = 1; round <= 3; round++) { // on one connection
                    byte[] asked = query(round);
                    stream.send(asked);
                    DataInputStream in = new DataInputStream(client.getInputStream());
                    assertThat(in.readNBytes(in.readUnsignedShort())).isEqualTo(asked);
                    byte[] answer = answer(asked, COMPLETE, ANSWER);
                    DataOutputStream out = new DataOutputStream(client.getOutputStream());
                    out.writeShort(answer.length);
                    out.write(answer);
                    assertThat(stream.receive()).isEqualTo(answer);
                }
            }
        } catch (BindException e) {
            abort("no right to listen at port 53: " + e.getMessage());
        }
    }

    /** The first server does not speak TCP: the next try goes to the second one. */
    @Test
    void aServerThatRefusesTcpIsLeft() throws IOException {
        try (ServerSocket streams = new ServerSocket(PORT, 5, ADDRESS);
                UserNetwork network = network("127.0.0.79", ADDRESS.getHostAddress())) {
            streams.setSoTimeout(20_000);
            Guest guest = new Guest(network);
            guest.tcp(Guest.DNS, OWN_PORT - 1, PORT, 5, 0, TcpSegment.SYN, NOTHING);
            assertThat(Guest.payload(guest.awaitV4(IpPacket.TCP)).get(13) & TcpSegment.RST)
                    .isNotZero();
            StreamOfGuest unused = new StreamOfGuest(guest);
            assertThat(unused).isNotNull();
            streams.accept().close();
        } catch (BindException e) {
            abort("no right to listen at port 53: " + e.getMessage());
        }
    }

    /** The guest's end of a connection to the name server, which acknowledges all that comes in order. */
    private static final class StreamOfGuest {
        private final Guest guest;
        private int own = 1;
        private int theirs;

        StreamOfGuest(Guest guest) {
            this.guest = guest;
            guest.tcp(Guest.DNS, OWN_PORT, PORT, 0, 0, TcpSegment.SYN, NOTHING);
            ByteBuffer synAck = Guest.payload(guest.awaitV4(IpPacket.TCP));
            assertThat(synAck.get(13)).isEqualTo((byte) (TcpSegment.SYN | TcpSegment.ACK));
            theirs = synAck.getInt(4) + 1;
            acknowledge();
        }

        private void acknowledge() {
            guest.tcp(Guest.DNS, OWN_PORT, PORT, own, theirs, TcpSegment.ACK, NOTHING);
        }

        void send(byte[] message) {
            ByteBuffer framed = ByteBuffer.allocate(2 + message.length);
            framed.putShort((short) message.length).put(message);
            guest.tcp(Guest.DNS, OWN_PORT, PORT, own, theirs, TcpSegment.ACK, framed.array());
            own += framed.capacity();
        }

        byte[] receive() {
            ByteBuffer all = ByteBuffer.allocate(2 + 0xffff);
            while (all.position() < 2 || all.position() < 2 + (all.getShort(0) & 0xffff)) {
                ByteBuffer segment = Guest.payload(guest.awaitV4(IpPacket.TCP));
                int header = (segment.get(12) >>> 4 & 15) * 4;
                if (segment.getInt(4) == theirs) {
                    ByteBuffer data = segment.slice(header, segment.capacity() - header);
                    theirs += data.remaining();
                    all.put(data);
                }
                acknowledge();
            }
            return java.util.Arrays.copyOfRange(all.array(), 2, all.position());
        }
    }
}
