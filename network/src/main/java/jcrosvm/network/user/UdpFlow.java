package jcrosvm.network.user;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import org.jspecify.annotations.Nullable;

/** What goes between two ends by UDP. Its socket is its own, or that of a forwarded port. */
final class UdpFlow implements HostLoop.Endpoint {
    private static final long IDLE = 120_000_000_000L; // RFC 4787, 4.3: at least that
    private static final long IDLE_DNS = 15_000_000_000L;
    /** Datagrams taken before others have their turn. */
    private static final int BATCH = 32;

    private final UserNetwork network;
    private final UdpNat nat;
    private final FlowKey key;
    private final DatagramChannel channel;
    private final @Nullable InetSocketAddress peer;
    private final boolean isDns;
    private long mac;
    private long lastUsed;
    private boolean isAnswered;

    /** @param peer when the socket is a forwarded port's */
    UdpFlow(
            UserNetwork network,
            UdpNat nat,
            FlowKey key,
            DatagramChannel channel,
            @Nullable InetSocketAddress peer,
            boolean isDns,
            long mac,
            long now) {
        this.network = network;
        this.nat = nat;
        this.key = key;
        this.channel = channel;
        this.peer = peer;
        this.isDns = isDns;
        this.mac = mac;
        lastUsed = now;
    }

    void register() throws IOException {
        network.loop().register(channel, SelectionKey.OP_READ, this);
    }

    FlowKey key() {
        return key;
    }

    long lastUsed() {
        return lastUsed;
    }

    boolean isOf(DatagramChannel channel, InetSocketAddress peer) {
        return this.channel.equals(channel) && peer.equals(this.peer);
    }

    boolean isOver(long now) {
        return now - lastUsed > (isDns ? IDLE_DNS : IDLE);
    }

    /** Sends to the host's peer; a full socket drops. */
    void send(ByteBuffer data, int at, int length, long sourceMac, long now) {
        lastUsed = now;
        mac = sourceMac;
        data.clear().position(at).limit(at + length);
        try {
            if (peer != null) {
                channel.send(data, peer);
            } else if (length > 0) {
                channel.write(data);
            } else {
                sendEmpty(data);
            }
        } catch (IOException e) {
            failed(e);
        } finally {
            data.clear();
        }
    }

    /**
     * A connected channel takes an empty buffer for nothing to do, one that is not connected sends the empty datagram.
     * Connecting drops what has come, from strangers meanwhile too: what the peer has sent is taken before.
     */
    private void sendEmpty(ByteBuffer nothing) throws IOException {
        SocketAddress target = channel.getRemoteAddress();
        receive(Integer.MAX_VALUE);
        channel.disconnect();
        try {
            channel.send(nothing, target);
        } finally {
            channel.connect(target);
        }
    }

    @Override
    public void ready(SelectionKey selected) {
        receive(BATCH);
    }

    private void receive(int most) {
        ByteBuffer into = network.writer().buffer();
        try {
            for (int i = 0; i < most && UdpNat.read(channel, into) != null; i++) {
                isAnswered = true;
                lastUsed = System.nanoTime();
                toGuest(into.position() - PacketWriter.PAYLOAD);
            }
        } catch (IOException e) {
            failed(e);
        } finally {
            into.clear();
        }
    }

    /** Gives the guest a datagram that stands in the packet writer's buffer. */
    void toGuest(int length) {
        network.writer()
                .sendUdp(
                        mac,
                        key.remoteHigh,
                        key.remoteLow,
                        key.remotePort,
                        key.guestHigh,
                        key.guestLow,
                        key.guestPort,
                        length);
    }

    private void failed(IOException e) {
        if (e instanceof PortUnreachableException) {
            network.icmp().unreachable(key, mac, IpPacket.UDP, 8 << 16, Icmp.Unreachable.PORT);
        } else if (peer == null) {
            network.icmp().unreachable(key, mac, IpPacket.UDP, 8 << 16, Icmp.Unreachable.HOST);
            nat.close(this);
            return;
        }
        if (isDns && !isAnswered) {
            nat.close(this); // The next query goes to the next server.
        }
    }

    /** Closes the flow's own socket. */
    void close() {
        if (isDns && !isAnswered) {
            network.policy().resolverFailed();
        }
        if (peer == null) {
            network.loop().close(channel);
        }
    }
}
