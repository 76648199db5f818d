package jcrosvm.network.user;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.NetworkChannel;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import org.jspecify.annotations.Nullable;

/** A port of the host whose peers reach a port of the guest. */
abstract class Forward<C extends SelectableChannel & NetworkChannel> implements HostLoop.Endpoint {
    final UserNetwork network;
    final IpAddress guest;
    final int guestPort;
    private final int interest;
    private @Nullable C channel;
    private int port;

    /** @param interest the {@link SelectionKey} operation that says that a peer is there */
    Forward(UserNetwork network, IpAddress guest, int guestPort, int interest) {
        this.network = network;
        this.guest = guest;
        this.guestPort = guestPort;
        this.interest = interest;
    }

    /** A channel that can be bound to an address of its family. */
    abstract C create(InetSocketAddress at) throws IOException;

    abstract void ready(C from) throws IOException;

    final void open(InetSocketAddress at) throws IOException {
        C opened = create(at);
        try {
            opened.bind(at);
            network.loop().register(opened, interest, this);
            channel = opened;
            port = opened.getLocalAddress() instanceof InetSocketAddress bound ? bound.getPort() : 0;
        } catch (IOException e) {
            opened.close();
            throw e;
        }
    }

    /** The host's port; 0 while there is none. */
    final int port() {
        return port;
    }

    @Override
    public final void ready(SelectionKey key) {
        C from = channel;
        if (from == null) {
            return;
        }
        try {
            ready(from);
        } catch (IOException e) {
            System.getLogger(Forward.class.getName()).log(System.Logger.Level.DEBUG, "hostfwd", e);
        }
    }

    final void close() {
        if (channel != null) {
            network.loop().close(channel);
        }
    }
}
