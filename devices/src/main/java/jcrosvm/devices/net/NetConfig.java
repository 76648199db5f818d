package jcrosvm.devices.net;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import jcrosvm.base.VmmException;
import jcrosvm.config.ConfigException;
import jcrosvm.config.Flat;
import jcrosvm.config.Help;
import jcrosvm.config.Range;
import jcrosvm.network.TapSource;
import jcrosvm.network.user.UserNetworkConfig;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.PciPlace;
import org.jspecify.annotations.Nullable;

/**
 * {@code --net}: a network device and where its cable leads. Exactly one of tapName, tapFd, hostIp (with
 * netmask and mac) and user is there.
 *
 * @param tapName a tap interface that exists
 * @param tapFd descriptor of a tap that this process was started with
 * @param hostIp IPv4 address of the host on a tap that is made
 * @param netmask of it
 * @param mac the guest's Ethernet address; absent: made up
 * @param user no tap but a network of our own, which needs no privileges
 * @param network what is to be said about that, or null
 * @param vhostNet have the host's kernel move the packets
 * @param vqPairs pairs of queues
 * @param packedQueue offer the packed ring layout
 * @param pciAddress where on the bus; absent: the next free one
 * @param mrgRxbuf whether to offer mergeable receive buffers; absent: as {@link #isMergeable} says
 * @param mtu to tell the guest; absent: the interface's
 */
public record NetConfig(
        @Help(value = "an existing tap", argument = "NAME") @Nullable
        String tapName,

        @Help("the descriptor of a tap") @Nullable Integer tapFd,
        @Help(argument = "IP") @Nullable String hostIp,
        @Help(argument = "IP") @Nullable String netmask,

        @Help(value = "the guest's address", argument = "MAC") @Nullable
        String mac,

        @Help("a network of our own") boolean user,
        @Flat @Nullable UserNetworkConfig network,

        @Help("have the host's kernel move the packets; the device can be left out") @Nullable
        VhostNetConfig vhostNet,

        @Range(min = 1, max = 65535) @Help("pairs of queues, 1 when above the number of vCPUs")
        int vqPairs,

        @Help("offer packed rings") boolean packedQueue,
        @Help(argument = "ADDRESS") @Nullable String pciAddress,

        @Help("mergeable receive buffers (default false on a tap)") @Nullable
        Boolean mrgRxbuf,

        @Help("of the guest's interface") @Nullable Integer mtu)
        implements DeviceConfig {
    private static final Pattern DOTTED = Pattern.compile("(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})");
    private static final Pattern INTERFACE = Pattern.compile("[^\\s/%:]{1,15}");

    public NetConfig {
        PciPlace.check(pciAddress);
        if (mac != null) {
            MacAddress.parse(mac);
        }
        if (hostIp != null) {
            dotted("host-ip", hostIp);
        }
        if (netmask != null) {
            dotted("netmask", netmask);
        }
    }

    public static NetConfig defaults() {
        return new NetConfig(null, null, null, null, null, false, null, null, 1, false, null, null, null);
    }

    /** A tap interface that exists. */
    public static NetConfig tap(String name) {
        return defaults().with(to -> to.tapName = name);
    }

    /** A network of our own. */
    public static NetConfig user(UserNetworkConfig network) {
        return defaults().with(to -> {
            to.user = true;
            to.network = network;
        });
    }

    /** This device with other values: {@code NetConfig.tap("tap0").with(to -> to.vqPairs = 2)}. */
    public NetConfig with(Consumer<Change> change) {
        Change to = new Change(this);
        change.accept(to);
        return to.made();
    }

    /** The components of a configuration that is made of another one. */
    public static final class Change {
        public @Nullable String tapName;
        public @Nullable Integer tapFd;
        public @Nullable String hostIp;
        public @Nullable String netmask;
        public @Nullable String mac;
        public boolean user;
        public @Nullable UserNetworkConfig network;
        public @Nullable VhostNetConfig vhostNet;
        public int vqPairs;
        public boolean packedQueue;
        public @Nullable String pciAddress;
        public @Nullable Boolean mrgRxbuf;
        public @Nullable Integer mtu;

        private Change(NetConfig from) {
            tapName = from.tapName;
            tapFd = from.tapFd;
            hostIp = from.hostIp;
            netmask = from.netmask;
            mac = from.mac;
            user = from.user;
            network = from.network;
            vhostNet = from.vhostNet;
            vqPairs = from.vqPairs;
            packedQueue = from.packedQueue;
            pciAddress = from.pciAddress;
            mrgRxbuf = from.mrgRxbuf;
            mtu = from.mtu;
        }

        private NetConfig made() {
            return new NetConfig(
                    tapName,
                    tapFd,
                    hostIp,
                    netmask,
                    mac,
                    user,
                    network,
                    vhostNet,
                    vqPairs,
                    packedQueue,
                    pciAddress,
                    mrgRxbuf,
                    mtu);
        }
    }

    @Override
    public void validate() {
        List<String> sources = new ArrayList<>();
        add(sources, "tap-name", tapName);
        add(sources, "tap-fd", tapFd);
        add(sources, "host-ip", hostIp);
        add(sources, "user", user ? true : null);
        if (sources.isEmpty()) {
            throw new VmmException("net: one of tap-name, tap-fd, host-ip and user is needed");
        }
        if (sources.size() > 1) {
            throw new VmmException("net: " + String.join(" and ", sources) + " exclude each other");
        }
        if (hostIp != null && (netmask == null || mac == null)) {
            throw new VmmException("net: host-ip needs netmask and mac too");
        }
        if (hostIp == null && netmask != null) {
            throw new VmmException("net: netmask needs host-ip");
        }
        if (tapName != null && !INTERFACE.matcher(tapName).matches()) {
            throw new VmmException(
                    "net: tap-name '" + tapName + "' is no interface name: at most 15 characters, none of / : %");
        }
        if (mtu != null && (mtu < NetSpec.MIN_MTU || mtu > NetSpec.MAX_MTU)) {
            throw new VmmException("net: mtu " + mtu + " is not within " + NetSpec.MIN_MTU + " to " + NetSpec.MAX_MTU);
        }
        if (packedQueue && Boolean.TRUE.equals(mrgRxbuf)) {
            throw new VmmException("net: packed-queue and mrg-rxbuf exclude each other");
        }
        if (packedQueue && vhostNet != null) {
            throw new VmmException("net: packed-queue and vhost-net exclude each other");
        }
        if (user && vhostNet != null) {
            throw new VmmException("net: user and vhost-net exclude each other");
        }
        if (network != null && !user) {
            throw new VmmException("net: hostfwd and all else about a network of our own need user");
        }
        if (user) {
            userNetwork().validate();
        }
        if (hostIp != null) {
            source();
        }
    }

    @Override
    public String foreignWriter() {
        return vhostNet == null ? "" : "vhost-net";
    }

    /**
     * Whether mergeable receive buffers are offered. As in crosvm a tap needs to be asked, and vhost-net does not; a
     * network of our own, which crosvm does not have, is faster with them.
     */
    boolean isMergeable() {
        return mrgRxbuf == null ? (user || vhostNet != null) && !packedQueue : mrgRxbuf;
    }

    private static void add(List<String> sources, String name, @Nullable Object value) {
        if (value != null) {
            sources.add(name);
        }
    }

    /** The network of our own, with the MTU that was asked for. */
    UserNetworkConfig userNetwork() {
        UserNetworkConfig said = network == null ? UserNetworkConfig.defaults() : network;
        return mtu == null
                ? said
                : new UserNetworkConfig(
                        said.hostfwd(),
                        said.net(),
                        said.ipv6Net(),
                        said.gateway(),
                        said.dns(),
                        said.guest(),
                        said.hostname(),
                        said.restrict(),
                        said.hostLoopback(),
                        mtu);
    }

    /** Where the tap comes from, if it is one; the configuration is valid. */
    TapSource source() {
        if (tapName != null) {
            return new TapSource.Named(tapName);
        }
        if (tapFd != null) {
            return new TapSource.Inherited(tapFd);
        }
        int mask = dotted("netmask", Objects.requireNonNull(netmask));
        if (mask == 0 || (~mask & ~mask + 1) != 0) {
            throw new VmmException("net: netmask " + netmask + " is none: expected one such as 255.255.255.0");
        }
        return new TapSource.Made(dotted("host-ip", Objects.requireNonNull(hostIp)), mask);
    }

    private static int dotted(String key, String text) {
        var match = DOTTED.matcher(text);
        int address = 0;
        for (int i = 1; i <= 4; i++) {
            int part = match.matches() ? Integer.parseInt(match.group(i)) : 256;
            if (part > 255) {
                throw new ConfigException("net: " + key + " '" + text + "' is no IPv4 address such as 192.168.10.1");
            }
            address = address << 8 | part;
        }
        return address;
    }
}
