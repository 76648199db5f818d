package jcrosvm.network.user;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/**
 * UDP: a socket of the host for each pair of ends that the guest uses, until they are silent for a while. Sockets are
 * connected, so that only the peer's answers come back, and its errors too.
 */
final class UdpNat implements AutoCloseable {
    private static final int MOST_FLOWS = 512;

    private final UserNetwork network;
    private final Dhcp dhcp;
    private final Map<FlowKey, UdpFlow> flows = new HashMap<>();
    private final List<UdpForward> forwards = new ArrayList<>();
    private final FlowKey probe = new FlowKey();

    UdpNat(UserNetwork network, Dhcp dhcp) {
        this.network = network;
        this.dhcp = dhcp;
    }

    /** A datagram of the guest. */
    void receive(IpPacket packet, boolean isChecksumPartial, long now) {
        ByteBuffer data = packet.data;
        int at = packet.payload;
        if (packet.length < 8) {
            return;
        }
        int length = data.getShort(at + 4) & 0xffff;
        if (length < 8 || length > packet.length) {
            return;
        }
        packet.length = length;
        boolean hasChecksum = data.getShort(at + 6) != 0;
        if (!isChecksumPartial && (hasChecksum ? !packet.isChecksumRight() : !packet.isV4)) {
            return;
        }
        int sourcePort = data.getShort(at) & 0xffff;
        int targetPort = data.getShort(at + 2) & 0xffff;
        if (targetPort == Dhcp.SERVER_PORT && sourcePort == Dhcp.CLIENT_PORT && packet.isV4) {
            dhcp.receive(data, at + 8, length - 8);
            return;
        }
        if (!network.isFromGuest(packet) || network.isToMany(packet)) {
            return;
        }
        probe.set(packet.sourceHigh, packet.sourceLow, sourcePort, packet.targetHigh, packet.targetLow, targetPort);
        UdpFlow flow = flows.get(probe);
        if (flow == null) {
            flow = open(packet, targetPort, now);
        }
        if (flow != null) {
            flow.send(data, at + 8, length - 8, packet.sourceMac, now);
        }
    }

    private @Nullable UdpFlow open(IpPacket packet, int targetPort, long now) {
        HostPolicy.Route route = network.policy().route(packet.targetHigh, packet.targetLow, targetPort, now);
        if (route.target() == null) {
            network.icmp().unreachable(packet, route.why());
            return null;
        }
        if (network.loop().isBehind()) {
            return null; // dropped
        }
        makeRoom();
        DatagramChannel channel = null;
        try {
            channel = HostPolicy.open(route.target());
            channel.connect(route.target());
            boolean isDns = network.plan().isDns(packet.targetHigh, packet.targetLow);
            UdpFlow flow = new UdpFlow(network, this, probe.copy(), channel, null, isDns, packet.sourceMac, now);
            flow.register();
            flows.put(flow.key(), flow);
            network.loop().tickWithin(UserNetwork.SLOW_TICK);
            return flow;
        } catch (IOException e) {
            if (channel != null) {
                network.loop().close(channel);
            }
            network.icmp().unreachable(packet, Icmp.Unreachable.NETWORK);
            return null;
        }
    }

    /** The flow that has been silent longest goes when there are too many. */
    private void makeRoom() {
        if (flows.size() >= MOST_FLOWS) {
            UdpFlow oldest = null;
            for (UdpFlow flow : flows.values()) {
                if (oldest == null || flow.lastUsed() - oldest.lastUsed() < 0) {
                    oldest = flow;
                }
            }
            if (oldest != null) {
                close(oldest);
            }
        }
    }

    void close(UdpFlow flow) {
        flows.remove(flow.key());
        flow.close();
    }

    /** Opens the host's side of a forwarded port. */
    void listen(HostForward forward, IpAddress guest) throws IOException {
        UdpForward listener = new UdpForward(network, this, guest, forward.guestPort());
        listener.open(new InetSocketAddress(forward.host().toInetAddress(), forward.hostPort()));
        forwards.add(listener);
    }

    /** Ports where forwards listen, in the order they were opened. */
    List<Integer> ports() {
        return forwards.stream().map(UdpForward::port).toList();
    }

    /** The flow for a peer of the host that a forwarded port was used by. */
    @Nullable
    UdpFlow forwarded(
            DatagramChannel channel, InetSocketAddress peer, IpAddress guest, int guestPort, long mac, long now) {
        IpAddress remote = network.presented(peer.getAddress(), guest);
        int port = peer.getPort();
        // Peers at several addresses may look like one; then the port tells them apart.
        for (int i = 0; i < 16; i++) {
            probe.set(guest.high(), guest.low(), guestPort, remote.high(), remote.low(), port);
            UdpFlow flow = flows.get(probe);
            if (flow == null) {
                makeRoom();
                flow = new UdpFlow(network, this, probe.copy(), channel, peer, false, mac, now);
                flows.put(flow.key(), flow);
                network.loop().tickWithin(UserNetwork.SLOW_TICK);
                return flow;
            }
            if (flow.isOf(channel, peer)) {
                return flow;
            }
            port = 1024 + (port + 7919) % 64512;
        }
        return null;
    }

    boolean isIdle() {
        return flows.isEmpty();
    }

    void tick(long now) {
        for (Iterator<UdpFlow> i = flows.values().iterator(); i.hasNext(); ) {
            UdpFlow flow = i.next();
            if (flow.isOver(now)) {
                i.remove();
                flow.close();
            }
        }
    }

    @Override
    public void close() {
        forwards.forEach(UdpForward::close);
        flows.values().forEach(UdpFlow::close);
        flows.clear();
    }

    static VmmException inUse(HostForward forward, IOException cause) {
        String why = cause instanceof java.net.BindException ? "in use, or not the host's" : cause.getMessage();
        return new VmmException(
                "net user: cannot listen at " + forward.host() + " port " + forward.hostPort() + " for hostfwd "
                        + forward + ": " + why + "; choose another address or port",
                cause);
    }

    /** Receives a datagram to where the packet writer expects UDP's payload; null when there is none. */
    static @Nullable SocketAddress read(DatagramChannel channel, ByteBuffer into) throws IOException {
        into.clear().position(PacketWriter.PAYLOAD + 8);
        return channel.receive(into);
    }
}
