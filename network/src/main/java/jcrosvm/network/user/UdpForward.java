package jcrosvm.network.user;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;

/** A forwarded port of UDP: each peer that uses it becomes a flow. */
final class UdpForward extends Forward<DatagramChannel> {
    private static final int BATCH = 32;

    private final UdpNat nat;

    UdpForward(UserNetwork network, UdpNat nat, IpAddress guest, int guestPort) {
        super(network, guest, guestPort, SelectionKey.OP_READ);
        this.nat = nat;
    }

    @Override
    DatagramChannel create(InetSocketAddress at) throws IOException {
        return HostPolicy.open(at);
    }

    @Override
    void ready(DatagramChannel from) throws IOException {
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
        } finally {
            into.clear();
        }
    }
}
