package jcrosvm.network.user;

import java.util.List;
import java.util.regex.Pattern;
import jcrosvm.base.VmmException;
import jcrosvm.config.Help;
import org.jspecify.annotations.Nullable;

/**
 * A network without privileges.
 *
 * @param hostfwd ports of the host that lead to the guest, each {@code proto:[hostaddr]:hostport-[guestaddr]:guestport};
 *     an empty host address means all of the host's, an empty guest address the one that DHCP gives
 * @param net the guest's IPv4 network, with prefix length
 * @param ipv6Net the guest's IPv6 prefix, always of 64 bits, or null: no IPv6
 * @param gateway the router's address, by default the second of the network
 * @param dns the name server's address, by default the third
 * @param guest the address that DHCP gives, by default the fifteenth
 * @param hostname name that DHCP gives to the guest, or null
 * @param restrict the guest reaches nothing, only forwarded ports lead to it
 * @param hostLoopback whether the gateway's address leads to the host's own services, and the host's addresses are open
 * @param mtu of the guest's network; large ones save work
 */
public record UserNetworkConfig(
        @Help(value = "with user: host ports that lead to the guest's", argument = "[tcp:127.0.0.1:2222-:22,udp:...]")
        List<String> hostfwd,

        @Help(
                value = "with user, as all that follow: the guest's IPv4 network (default 10.0.2.0/24)",
                argument = "NET/BITS")
        String net,

        @Help(value = "the guest's IPv6 network (default fec0::/64)", argument = "NET/64") @Nullable
        String ipv6Net,

        @Help(argument = "IP") @Nullable String gateway,
        @Help(argument = "IP") @Nullable String dns,

        @Help(value = "the address that DHCP gives", argument = "IP") @Nullable
        String guest,

        @Help(value = "the name that DHCP gives", argument = "NAME") @Nullable
        String hostname,

        @Help("no way out") boolean restrict,

        @Help("whether the gateway's address leads to the host's own")
        HostLoopback hostLoopback,

        int mtu) {
    /** Whether the guest reaches services of the host itself. */
    public enum HostLoopback {
        ALLOW,
        DENY
    }

    private static final Pattern HOST_NAME = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?");
    private static final int MIN_MTU = 1280; // RFC 8200, 5
    private static final int MAX_MTU = 65520;

    public UserNetworkConfig {
        hostfwd = List.copyOf(hostfwd);
    }

    /** 10.0.2.0/24 and fec0::/64, no forwarded ports, the host itself out of reach. */
    public static UserNetworkConfig defaults() {
        return new UserNetworkConfig(
                List.of(), "10.0.2.0/24", "fec0::/64", null, null, null, null, false, HostLoopback.DENY, 1500);
    }

    /** The same network with these forwarded ports. */
    public UserNetworkConfig withHostfwd(List<String> forwards) {
        return new UserNetworkConfig(
                forwards, net, ipv6Net, gateway, dns, guest, hostname, restrict, hostLoopback, mtu);
    }

    /** @throws VmmException saying what cannot be */
    public void validate() {
        AddressPlan plan = AddressPlan.of(this);
        for (String text : hostfwd) {
            IpAddress target = HostForward.parse(text).guest();
            if (target != null && !plan.isInside(target.high(), target.low())) {
                throw new VmmException(
                        "net user: hostfwd " + text + ": " + target + " is not in the guest's network " + net);
            }
        }
        if (hostname != null && !HOST_NAME.matcher(hostname).matches()) {
            throw new VmmException("net user: hostname '" + hostname + "' is not a host name of up to 63 characters");
        }
        if (mtu < MIN_MTU || mtu > MAX_MTU) {
            throw new VmmException("net user: mtu " + mtu + " is not within " + MIN_MTU + " to " + MAX_MTU);
        }
    }

    List<HostForward> forwards() {
        return hostfwd.stream().map(HostForward::parse).toList();
    }
}
