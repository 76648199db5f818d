package jcrosvm.devices.net.user;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SelectionKey;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/** A forwarded port of TCP: each connection to it becomes one to the guest. */
final class TcpForward implements HostLoop.Endpoint {
    private final UserNetwork network;
    private final TcpNat nat;
    private final IpAddress guest;
    private final int guestPort;
    private @Nullable ServerSocketChannel channel;

    TcpForward(UserNetwork network, TcpNat nat, IpAddress guest, int guestPort) {
        this.network = network;
        this.nat = nat;
        this.guest = guest;
        this.guestPort = guestPort;
    }

    void open(InetSocketAddress at) throws IOException {
        ServerSocketChannel opened = ServerSocketChannel.open(HostPolicy.family(at.getAddress()));
        try {
            opened.setOption(StandardSocketOptions.SO_REUSEADDR, true);
            opened.bind(at);
            network.loop().register(opened, SelectionKey.OP_ACCEPT, this);
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
        ServerSocketChannel from = channel;
        if (from == null) {
            return;
        }
        try {
            SocketChannel accepted = from.accept();
            if (accepted == null) {
                return;
            }
            if (!(accepted.getRemoteAddress() instanceof InetSocketAddress peer)
                    || !nat.accept(accepted, peer, guest, guestPort)) {
                accepted.close();
            }
        } catch (IOException e) {
            System.getLogger(TcpForward.class.getName()).log(System.Logger.Level.DEBUG, "hostfwd", e);
        }
    }

    void close() {
        if (channel != null) {
            network.loop().close(channel);
        }
    }
}
