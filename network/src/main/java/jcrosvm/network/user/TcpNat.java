package jcrosvm.network.user;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import jcrosvm.base.io.IoVec;
import org.jspecify.annotations.Nullable;

/** TCP: the connections of the guest, and the line of those that have something for it. */
final class TcpNat implements AutoCloseable {
    private static final int MOST_CONNECTIONS = 1024;
    private static final int RING_SIZE = 512 << 10;
    private static final int RINGS = 128;
    /** When the table is full, a connection may be closed for a new one if nothing was heard of it for so long. */
    private static final long STALE = 3600_000_000_000L;

    private static final long RETRY = 50_000_000L;

    private final UserNetwork network;
    private final RingPool pool = new RingPool(RING_SIZE, RINGS);
    private final Map<FlowKey, TcpConnection> connections = new HashMap<>();
    private final ArrayDeque<TcpConnection> line = new ArrayDeque<>();
    private final List<TcpForward> forwards = new ArrayList<>();
    private final SecureRandom random = new SecureRandom();
    private final FlowKey probe = new FlowKey();
    private final TcpSegment segment = new TcpSegment();
    private final TcpWriter writer;
    private boolean isTicking;
    private boolean isStarved;
    private boolean isToReceiveAgain;

    TcpNat(UserNetwork network, TcpWriter writer) {
        this.network = network;
        this.writer = writer;
    }

    RingPool pool() {
        return pool;
    }

    int initialSequence() {
        return random.nextInt();
    }

    /** A segment of the guest. */
    void receive(IpPacket packet, boolean isChecksumPartial, long now) {
        if (!segment.parse(packet)
                || !isChecksumPartial && !packet.isChecksumRight()
                || !network.isFromGuest(packet)
                || network.isToMany(packet)) {
            return;
        }
        probe.set(
                packet.sourceHigh,
                packet.sourceLow,
                segment.sourcePort,
                packet.targetHigh,
                packet.targetLow,
                segment.targetPort);
        TcpConnection connection = connections.get(probe);
        if (connection != null) {
            isToReceiveAgain = false;
            connection.receive(segment, packet.sourceMac, now);
            if (!isToReceiveAgain) {
                return;
            }
        }
        if (segment.has(TcpSegment.RST)) {
            return;
        }
        if ((segment.flags & (TcpSegment.SYN | TcpSegment.ACK)) == TcpSegment.SYN) {
            open(packet, now);
        } else if (segment.has(TcpSegment.ACK)) {
            reset(probe, packet.sourceMac, segment.acknowledgment, 0, false);
        } else {
            reset(probe, packet.sourceMac, 0, segment.sequence + segment.span(), true);
        }
    }

    /** The connection made way for a new one between the same ends. */
    void receiveAgain() {
        isToReceiveAgain = true;
    }

    private void open(IpPacket packet, long now) {
        HostPolicy.Route route = network.policy().route(packet.targetHigh, packet.targetLow, segment.targetPort, now);
        if (route.target() == null && route.why() != Icmp.Unreachable.PORT) {
            network.icmp().unreachable(packet, route.why());
            return;
        }
        InetSocketAddress target = route.target();
        if (target != null && network.loop().isBehind()) {
            return; // The guest tries again.
        }
        if (target != null && hasRoom(now)) {
            try {
                SocketChannel channel = HostPolicy.openStream(target);
                TcpConnection connection =
                        new TcpConnection(network, this, probe.copy(), channel, true, packet.sourceMac);
                connections.put(connection.key(), connection);
                connection.open(segment, target);
                return;
            } catch (IOException e) {
                System.getLogger(TcpNat.class.getName()).log(System.Logger.Level.DEBUG, "no socket", e);
            }
        }
        reset(probe, packet.sourceMac, 0, segment.sequence + 1, true);
    }

    private boolean hasRoom(long now) {
        if (connections.size() < MOST_CONNECTIONS) {
            return true;
        }
        TcpConnection oldest = null;
        for (TcpConnection c : connections.values()) {
            if (c.isTimeWait() || oldest == null || c.lastHeard() - oldest.lastHeard() < 0) {
                oldest = c;
                if (c.isTimeWait()) {
                    break;
                }
            }
        }
        if (oldest != null && (oldest.isTimeWait() || now - oldest.lastHeard() > STALE)) {
            oldest.close();
            return true;
        }
        return false;
    }

    /** Opens the host's side of a forwarded port. */
    void listen(HostForward forward, IpAddress guest) throws IOException {
        TcpForward listener = new TcpForward(network, this, guest, forward.guestPort());
        listener.open(new InetSocketAddress(forward.host().toInetAddress(), forward.hostPort()));
        forwards.add(listener);
    }

    /** Ports where forwards listen, in the order they were opened. */
    List<Integer> ports() {
        return forwards.stream().map(TcpForward::port).toList();
    }

    /** A peer of the host has used a forwarded port. False when there is no room for it. */
    boolean accept(SocketChannel channel, InetSocketAddress peer, IpAddress guest, int guestPort) {
        IpAddress remote = network.presented(peer.getAddress(), guest);
        int port = peer.getPort();
        if (!hasRoom(System.nanoTime())) {
            return false;
        }
        for (int i = 0; i < 16; i++) {
            probe.set(guest.high(), guest.low(), guestPort, remote.high(), remote.low(), port);
            TcpConnection old = connections.get(probe);
            if (old != null && old.isTimeWait()) {
                old.close();
                old = null;
            }
            if (old == null) {
                TcpConnection connection =
                        new TcpConnection(network, this, probe.copy(), channel, false, network.macOf(guest));
                connections.put(connection.key(), connection);
                connection.open();
                return true;
            }
            port = 1024 + (port + 7919) % 64512;
        }
        return false;
    }

    /** Sends a reset to the guest. */
    void reset(FlowKey flow, long mac, int sequence, int acknowledgment, boolean withAck) {
        if (mac < 0) {
            return;
        }
        ByteBuffer out = network.writer().buffer();
        int at = PacketWriter.PAYLOAD;
        out.putShort(at, (short) flow.remotePort);
        out.putShort(at + 2, (short) flow.guestPort);
        out.putInt(at + 4, sequence);
        out.putInt(at + 8, acknowledgment);
        out.putShort(at + 12, (short) (5 << 12 | TcpSegment.RST | (withAck ? TcpSegment.ACK : 0)));
        out.putShort(at + 14, (short) 0);
        out.putInt(at + 16, 0);
        long pseudo = Checksum.pseudoHeader(
                flow.remoteHigh, flow.remoteLow, flow.guestHigh, flow.guestLow, IpPacket.TCP, TcpSegment.HEADER);
        out.putShort(at + 16, Checksum.of(pseudo + Checksum.sum(out, at, TcpSegment.HEADER)));
        network.writer()
                .sendIp(
                        mac,
                        flow.remoteHigh,
                        flow.remoteLow,
                        flow.guestHigh,
                        flow.guestLow,
                        IpPacket.TCP,
                        64,
                        TcpSegment.HEADER);
    }

    void ready(TcpConnection connection) {
        line.addLast(connection);
        network.signal();
    }

    /** Gives the guest the next segment; 0 when there is none. Connections take turns. */
    int poll(IoVec into, long now) {
        for (TcpConnection c = line.peekFirst(); c != null; c = line.peekFirst()) {
            int written = c.poll(into, writer, now);
            line.pollFirst();
            if (written > 0) {
                line.addLast(c);
                due(c);
                return written;
            }
            c.unready();
        }
        return 0;
    }

    void closed(TcpConnection connection) {
        line.remove(connection); // A guest that takes nothing must not make the line longer and longer.
        if (!isTicking) {
            connections.remove(connection.key());
        }
    }

    /** Has time looked at when the connection wants it. */
    void due(TcpConnection connection) {
        if (connection.deadline() != 0) {
            network.loop().tickAt(connection.deadline());
        }
    }

    /** There is no memory for what a socket has. */
    void starved() {
        isStarved = true;
        network.loop().tickWithin(RETRY);
    }

    /** The guest's address was found. */
    void found() {
        connections.values().forEach(TcpConnection::found);
    }

    /** Does what time asks for; how long until it wants to again. */
    long tick(long now) {
        boolean wasStarved = isStarved;
        isStarved = false;
        long wait = Long.MAX_VALUE;
        isTicking = true;
        for (Iterator<TcpConnection> i = connections.values().iterator(); i.hasNext(); ) {
            TcpConnection c = i.next();
            c.tick(now, wasStarved);
            if (c.isClosed()) {
                i.remove();
            } else if (c.deadline() != 0) {
                wait = Math.min(wait, Math.max(0, c.deadline() - now));
            }
        }
        isTicking = false;
        return isStarved ? Math.min(wait, RETRY) : wait;
    }

    @Override
    public void close() {
        forwards.forEach(TcpForward::close);
        isTicking = true;
        connections.values().forEach(TcpConnection::close);
        connections.clear();
        line.clear();
    }

    @Nullable
    TcpConnection find(FlowKey key) {
        return connections.get(key);
    }
}
