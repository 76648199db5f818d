package jcrosvm.devices.net.user;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import org.jspecify.annotations.Nullable;

/** A forwarded port of UDP: each peer that uses it becomes a flow. */
final class UdpForward implements HostLoop.Endpoint {
    private static final int BATCH = 32;

    private final UserNetwork network;
    private final UdpNat nat;
    private final IpAddress guest;
    private final int guestPort;
    private @Nullable DatagramChannel channel;

    UdpForward(UserNetwork network, UdpNat nat, IpAddress guest, int guestPort) {
        this.network = network;
        this.nat = nat;
        this.guest = guest;
        this.guestPort = guestPort;
    }

    void open(InetSocketAddress at) throws IOException {
        DatagramChannel opened = HostPolicy.open(at);
        try {
            opened.bind(at);
            network.loop().register(opened, SelectionKey.OP_READ, this);
            channel = opened;
        } catch (IOException e) {
            opened.close();
            throw e;
        }
    }

    int port() {
        return channel == null ? 0 : channel.socket().getLocalPort();
    }

    @Override
    public void ready(SelectionKey key) {
        DatagramChannel from = channel;
        if (from == null) {
            return;
        }
        ByteBuffer into = network.writer().buffer();
        long mac = network.macOf(guest);
        try {
            for (int i = 0; i < BATCH; i++) {
                if (!(UdpNat.read(from, into) instanceof InetSocketAddress peer)) {
                    break;
                }
                int length = into.position() - PacketWriter.PAYLOAD;
                if (mac < 0) {
                    network.ask(guest); // This datagram is lost; UDP's peers try again.
                    break;
                }
                UdpFlow flow = nat.forwarded(from, peer, guest, guestPort, mac, System.nanoTime());
                if (flow != null) {
                    flow.toGuest(length);
                }
            }
        } catch (IOException e) {
            System.getLogger(UdpForward.class.getName()).log(System.Logger.Level.DEBUG, "hostfwd", e);
        } finally {
            into.clear();
        }
    }

    void close() {
        if (channel != null) {
            network.loop().close(channel);
        }
    }
}
