package jcrosvm.network.user;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Predicate;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.network.NetBackend;

/** A guest that makes its packets by hand. */
final class Guest {
    static final long MAC = 0x0202_0304_0506L;
    static final int ADDRESS = 0x0a00020f;
    static final int GATEWAY = 0x0a000202;
    static final int DNS = 0x0a000203;

    private static final int MAX = 70 << 10;
    private static final int PATIENCE_MILLIS = 5000;

    private final NetBackend backend;
    private final MemorySegment buffer = Arena.ofAuto().allocate(MAX, 8);
    private final IoVec vector = new IoVec(4);
    private final Deque<ByteBuffer> received = new ArrayDeque<>();

    Guest(NetBackend backend) {
        this.backend = backend;
    }

    /** Sends bytes of a frame. */
    void send(byte[] frame, int length) {
        buffer.asSlice(0, NetBackend.HEADER).fill((byte) 0);
        MemorySegment.copy(MemorySegment.ofArray(frame), 0, buffer, NetBackend.HEADER, length);
        vector.clear();
        vector.add(buffer, 0, NetBackend.HEADER + length);
        backend.send(vector);
    }

    void ethernet(int type, byte[] payload) {
        ByteBuffer frame = ByteBuffer.allocate(14 + payload.length);
        PacketWriter.ethernet(frame, 0, 0x5255_0000_0000L | GATEWAY, MAC, type);
        frame.put(14, payload);
        send(frame.array(), frame.capacity());
    }

    void ipv4(int source, int target, int protocol, byte[] payload) {
        ByteBuffer packet = ByteBuffer.allocate(20 + payload.length);
        PacketWriter.ip(
                packet, 0, 0, IpAddress.mapped(source), 0, IpAddress.mapped(target), protocol, 64, payload.length);
        packet.put(20, payload);
        ethernet(PacketWriter.ETHERTYPE_V4, packet.array());
    }

    void udp(int target, int sourcePort, int targetPort, byte[] data) {
        ipv4(ADDRESS, target, IpPacket.UDP, datagram(ADDRESS, target, sourcePort, targetPort, data));
    }

    static byte[] datagram(int source, int target, int sourcePort, int targetPort, byte[] data) {
        ByteBuffer datagram = ByteBuffer.allocate(8 + data.length);
        datagram.putShort((short) sourcePort).putShort((short) targetPort).putShort((short) (8 + data.length));
        datagram.put(8, data);
        datagram.putShort(6, Checksum.of(sum(source, target, IpPacket.UDP, datagram)));
        return datagram.array();
    }

    static long sum(int source, int target, int protocol, ByteBuffer payload) {
        return Checksum.pseudoHeader(
                        0, IpAddress.mapped(source), 0, IpAddress.mapped(target), protocol, payload.capacity())
                + Checksum.sum(payload, 0, payload.capacity());
    }

    void tcp(int target, int sourcePort, int targetPort, int sequence, int ack, int flags, byte[] data) {
        ByteBuffer segment = ByteBuffer.allocate(20 + data.length);
        segment.putShort((short) sourcePort)
                .putShort((short) targetPort)
                .putInt(sequence)
                .putInt(ack);
        segment.putShort((short) (5 << 12 | flags)).putShort((short) 0xffff);
        segment.put(20, data);
        segment.putShort(16, Checksum.of(sum(ADDRESS, target, IpPacket.TCP, segment)));
        ipv4(ADDRESS, target, IpPacket.TCP, segment.array());
    }

    /** The next frame that arrives and is as wanted; others are kept. */
    ByteBuffer await(Predicate<ByteBuffer> wanted) {
        long end = System.nanoTime() + PATIENCE_MILLIS * 1_000_000L;
        while (true) {
            drain();
            for (ByteBuffer frame : received) {
                if (wanted.test(frame)) {
                    received.remove(frame);
                    return frame;
                }
            }
            if (System.nanoTime() > end) {
                throw new AssertionError("the frame never came; others: " + received.size());
            }
            Poller.await(backend.descriptor(), Poller.READABLE, 100);
        }
    }

    /** Takes all that is there. */
    int drain() {
        int packets = 0;
        while (true) {
            vector.clear();
            vector.add(buffer, 0, MAX);
            int n = backend.receive(vector);
            if (n == 0) {
                return packets;
            }
            packets++;
            ByteBuffer frame = ByteBuffer.allocate(n - NetBackend.HEADER);
            MemorySegment.copy(buffer, NetBackend.HEADER, MemorySegment.ofArray(frame.array()), 0, frame.capacity());
            received.add(frame);
        }
    }

    void forget() {
        drain();
        received.clear();
    }

    static boolean isV4(ByteBuffer frame, int protocol) {
        return frame.getShort(12) == PacketWriter.ETHERTYPE_V4 && frame.get(23) == protocol;
    }

    ByteBuffer awaitV4(int protocol) {
        return await(frame -> isV4(frame, protocol));
    }

    /** Of an IPv4 frame with a right checksum, what is behind the IP header. */
    static ByteBuffer payload(ByteBuffer frame) {
        IpPacket packet = new IpPacket();
        if (!packet.parse(frame, 14, frame.capacity())
                || packet.protocol != IpPacket.ICMP && !packet.isFragment && !packet.isChecksumRight()) {
            throw new AssertionError("a bad packet");
        }
        return frame.slice(packet.payload, packet.length);
    }
}
