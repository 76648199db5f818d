package jcrosvm.network.user;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SelectionKey;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

/** A forwarded port of TCP: each connection to it becomes one to the guest. */
final class TcpForward extends Forward<ServerSocketChannel> {
    private final TcpNat nat;

    TcpForward(UserNetwork network, TcpNat nat, IpAddress guest, int guestPort) {
        super(network, guest, guestPort, SelectionKey.OP_ACCEPT);
        this.nat = nat;
    }

    @Override
    ServerSocketChannel create(InetSocketAddress at) throws IOException {
        return ServerSocketChannel.open(HostPolicy.family(at.getAddress()))
                .setOption(StandardSocketOptions.SO_REUSEADDR, true);
    }

    @Override
    void ready(ServerSocketChannel from) throws IOException {
        SocketChannel accepted = from.accept();
        if (accepted == null) {
            return;
        }
        if (!(accepted.getRemoteAddress() instanceof InetSocketAddress peer)
                || !nat.accept(accepted, peer, guest, guestPort)) {
            accepted.close();
        }
    }
}
