package jcrosvm.network.user;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/**
 * Which peers the guest may talk to, and where they are for the host. The host's own addresses are out of reach unless the
 * configuration says otherwise; the name server's address always leads to the host's resolver, which may be at one.
 */
final class HostPolicy {
    /**
     * Where a flow goes.
     *
     * @param target the host's peer, or null: nowhere
     * @param why for which reason nowhere
     */
    record Route(@Nullable InetSocketAddress target, Icmp.Unreachable why) {
        static final Route REFUSED = new Route(null, Icmp.Unreachable.PORT);
        static final Route PROHIBITED = new Route(null, Icmp.Unreachable.PROHIBITED);
        static final Route NO_HOST = new Route(null, Icmp.Unreachable.HOST);
        static final Route NO_NETWORK = new Route(null, Icmp.Unreachable.NETWORK);

        static Route to(InetSocketAddress target) {
            return new Route(target, Icmp.Unreachable.PORT);
        }
    }

    private static final int DISCARD_PORT = 9;

    private final AddressPlan plan;
    private final HostResolver resolver;
    private final boolean restrict;
    private final boolean openHost;

    HostPolicy(AddressPlan plan, HostResolver resolver, boolean restrict, boolean openHost) {
        this.plan = plan;
        this.resolver = resolver;
        this.restrict = restrict;
        this.openHost = openHost;
    }

    /** The route to an address that the guest wants to talk to. */
    Route route(long high, long low, int port, long now) {
        boolean v4 = IpAddress.isV4(high, low);
        if (port == 0) {
            return Route.PROHIBITED;
        }
        if (plan.isDns(high, low)) {
            return restrict || port != HostResolver.PORT ? Route.REFUSED : Route.to(resolver.server(now));
        }
        if (plan.isGateway(high, low)) {
            return restrict || !openHost
                    ? Route.REFUSED
                    : Route.to(new InetSocketAddress(InetAddress.ofLiteral(v4 ? "127.0.0.1" : "::1"), port));
        }
        if (restrict) {
            return Route.PROHIBITED;
        }
        if (plan.isInside(high, low)) {
            return Route.NO_HOST;
        }
        if (v4 ? isSpecial((int) low) : isSpecial(high, low)) {
            return Route.PROHIBITED;
        }
        InetSocketAddress target = new InetSocketAddress(IpAddress.toInetAddress(high, low), port);
        return openHost ? Route.to(target) : checked(target);
    }

    /** This network, loopback, link-local (RFC 3927, 7: never forwarded), multicast, reserved, broadcast. */
    private static boolean isSpecial(int v4) {
        int first = v4 >>> 24;
        return first == 0 || first == 127 || v4 >>> 16 == 0xa9fe || first >= 224;
    }

    /** Unspecified, loopback and IPv4-compatible addresses, link-local, multicast. */
    private static boolean isSpecial(long high, long low) {
        return high == 0 && low >>> 48 == 0 || (high & -1L << 54) == AddressPlan.LINK_LOCAL || high >>> 56 == 0xff;
    }

    /**
     * Asks the system from where it would send to a target: to an address of its own it sends from that very address.
     * Connecting a datagram socket sends nothing, and is always up to date.
     */
    private static Route checked(InetSocketAddress target) {
        try (DatagramChannel probe = open(target)) {
            probe.connect(new InetSocketAddress(target.getAddress(), DISCARD_PORT));
            return probe.getLocalAddress() instanceof InetSocketAddress local
                            && !target.getAddress().equals(local.getAddress())
                    ? Route.to(target)
                    : Route.PROHIBITED;
        } catch (IOException e) {
            return Route.NO_NETWORK;
        }
    }

    /** A datagram socket of the target's family. */
    static DatagramChannel open(InetSocketAddress target) throws IOException {
        try {
            return DatagramChannel.open(family(target.getAddress()));
        } catch (UnsupportedOperationException e) {
            throw new IOException("the host has no " + family(target.getAddress()), e);
        }
    }

    /** A stream socket of the target's family. */
    static SocketChannel openStream(InetSocketAddress target) throws IOException {
        try {
            return SocketChannel.open(family(target.getAddress()));
        } catch (UnsupportedOperationException e) {
            throw new IOException("the host has no " + family(target.getAddress()), e);
        }
    }

    static StandardProtocolFamily family(InetAddress address) {
        return address instanceof Inet4Address ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6;
    }

    void resolverFailed() {
        resolver.failed();
    }
}
