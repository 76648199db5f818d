package jcrosvm.network.user;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/**
 * A port of the host that leads to one of the guest: {@code tcp:127.0.0.1:2222-:22}.
 *
 * @param tcp TCP rather than UDP
 * @param host address to listen at
 * @param hostPort port to listen at; 0 lets the system choose
 * @param guest where it leads, or null: the address that DHCP gives
 */
record HostForward(
        boolean tcp, IpAddress host, int hostPort, @Nullable IpAddress guest, int guestPort) {
    private static final Pattern SYNTAX =
            Pattern.compile("(?:(?<proto>tcp|udp):)(?<host>\\[[^\\]]*\\]|[^:\\[\\]]*):(?<hp>\\d{1,5})"
                    + "-(?<guest>\\[[^\\]]*\\]|[^:\\[\\]]*):(?<gp>\\d{1,5})");
    private static final IpAddress ANY = IpAddress.ofV4(0);

    /**
     * Reads {@code proto:[hostaddr]:hostport-[guestaddr]:guestport}, with IPv6 addresses in brackets.
     *
     * @throws VmmException naming the text and what is wrong with it
     */
    static HostForward parse(String text) {
        Matcher m = SYNTAX.matcher(text);
        if (!m.matches()) {
            throw error(text, "expected tcp:[hostaddr]:hostport-[guestaddr]:guestport, or udp:...");
        }
        IpAddress host = address(text, m.group("host"));
        IpAddress guest = address(text, m.group("guest"));
        int guestPort = port(text, m.group("gp"));
        if (guestPort == 0) {
            throw error(text, "the guest's port is missing");
        }
        return new HostForward(
                m.group("proto").equals("tcp"), host == null ? ANY : host, port(text, m.group("hp")), guest, guestPort);
    }

    private static @Nullable IpAddress address(String text, String address) {
        String bare = address.startsWith("[") ? address.substring(1, address.length() - 1) : address;
        if (bare.isEmpty()) {
            return null;
        }
        IpAddress parsed = IpAddress.parse(bare);
        if (parsed == null) {
            throw error(text, "'" + bare + "' is not an IP address");
        }
        return parsed;
    }

    private static int port(String text, String digits) {
        int port = Integer.parseInt(digits);
        if (port > 0xffff) {
            throw error(text, "port " + digits + " is above 65535");
        }
        return port;
    }

    private static VmmException error(String text, String problem) {
        return new VmmException("net user: hostfwd " + text + ": " + problem);
    }

    @Override
    public String toString() {
        return (tcp ? "tcp:" : "udp:") + wrapped(host) + ":" + hostPort + "-" + (guest == null ? "" : wrapped(guest))
                + ":" + guestPort;
    }

    private static String wrapped(IpAddress address) {
        return address.isV4() ? address.toString() : "[" + address + "]";
    }
}
