package jcrosvm.network.user;

import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/**
 * Which host has which address on the guest's network. IPv4 addresses are 32-bit numbers; of IPv6 the upper half is the prefix
 * and the lower half the number of the host.
 */
record AddressPlan(int net, int mask, int gateway, int dns, int guest, boolean hasV6, long prefix) {
    /** The router's and name server's interface identifiers in IPv6, as in IPv4's last byte. */
    static final long GATEWAY6 = 2;

    static final long DNS6 = 3;
    static final long LINK_LOCAL = 0xfe80L << 48;

    /** @throws VmmException naming the key and what is wrong with its value */
    static AddressPlan of(UserNetworkConfig config) {
        String text = config.net();
        int slash = text.indexOf('/');
        IpAddress net = slash < 0 ? null : IpAddress.parse(text.substring(0, slash));
        int bits = slash < 0 ? -1 : number(text.substring(slash + 1));
        if (net == null || !net.isV4() || bits < 8 || bits > 27) {
            throw error("net", text, "is not a network like 10.0.2.0/24, with a prefix of 8 to 27 bits");
        }
        int mask = -1 << 32 - bits;
        if ((net.v4() & ~mask) != 0) {
            throw error(
                    "net",
                    text,
                    "has bits behind its prefix; did you mean " + IpAddress.ofV4(net.v4() & mask) + "/" + bits + "?");
        }
        int first = net.v4() >>> 24;
        if (first == 0 || first == 127 || first >= 224) {
            throw error("net", text, "cannot be a network's address");
        }
        int gateway = host("gateway", config.gateway(), net.v4(), mask, 2);
        int dns = host("dns", config.dns(), net.v4(), mask, 3);
        int guest = host("guest", config.guest(), net.v4(), mask, 15);
        if (gateway == dns || gateway == guest || dns == guest) {
            throw new VmmException("net user: gateway, dns and guest need three different addresses");
        }
        String v6 = config.ipv6Net();
        return new AddressPlan(net.v4(), mask, gateway, dns, guest, v6 != null, v6 == null ? 0 : prefix(v6));
    }

    private static long prefix(String text) {
        IpAddress address = text.endsWith("/64") ? IpAddress.parse(text.substring(0, text.length() - 3)) : null;
        if (address == null || address.isV4() || address.low() != 0) {
            throw error("ipv6-net", text, "is not a prefix like fec0::/64, of 64 bits");
        }
        int first = (int) (address.high() >>> 56);
        if (address.high() == 0 || first == 0xff || (address.high() & -1L << 54) == LINK_LOCAL) {
            throw error("ipv6-net", text, "cannot be a network's prefix");
        }
        return address.high();
    }

    private static int host(String key, @Nullable String text, int net, int mask, int number) {
        if (text == null) {
            return net | number;
        }
        IpAddress address = IpAddress.parse(text);
        if (address == null || !address.isV4() || (address.v4() & mask) != net) {
            throw error(key, text, "is not an address of the network " + IpAddress.ofV4(net));
        }
        int host = address.v4() & ~mask;
        if (host == 0 || host == ~mask) {
            throw error(key, text, "is the network's own or broadcast address");
        }
        return address.v4();
    }

    private static int number(String digits) {
        try {
            return Integer.parseInt(digits);
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    private static VmmException error(String key, String value, String problem) {
        return new VmmException("net user: " + key + " '" + value + "' " + problem);
    }

    int broadcast() {
        return net | ~mask;
    }

    /** The router's Ethernet address, made of its IPv4 address. */
    long gatewayMac() {
        return 0x5255L << 32 | gateway & 0xffffffffL;
    }

    /** The router's link-local IPv6 address has this lower half. */
    long linkLocalGateway() {
        return GATEWAY6;
    }

    boolean isGateway(long high, long low) {
        return IpAddress.isV4(high, low)
                ? (int) low == gateway
                : hasV6 && low == GATEWAY6 && (high == prefix || high == LINK_LOCAL);
    }

    boolean isDns(long high, long low) {
        return IpAddress.isV4(high, low) ? (int) low == dns : hasV6 && low == DNS6 && high == prefix;
    }

    /** Whether an address belongs to the guest's network. */
    boolean isInside(long high, long low) {
        return IpAddress.isV4(high, low) ? ((int) low & mask) == net : hasV6 && (high == prefix || high == LINK_LOCAL);
    }
}
