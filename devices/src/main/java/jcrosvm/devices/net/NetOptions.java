package jcrosvm.devices.net;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.Arguments;
import jcrosvm.config.ConfigException;
import jcrosvm.config.Option;
import jcrosvm.config.UsageException;
import org.jspecify.annotations.Nullable;

/** The options of network devices: {@code --net}, and the older ones that say the same. */
final class NetOptions {
    private static final Option<NetConfig> NET = Option.structured(
                    "net",
                    NetConfig.class,
                    "user|tap-name=NAME,KEY=VALUE,...",
                    "Add a network device. Its cable leads to a network of our own that needs no privileges (user), or"
                            + " to a tap: one that exists (tap-name), one that was inherited as a descriptor (tap-fd), or"
                            + " a new one with this address of the host (host-ip, netmask and mac; needs"
                            + " CAP_NET_ADMIN).")
            .repeatable();
    private static final Option<String> HOST_IP = Option.word(
                    "host-ip", String.class, "IP", "Add a network device on a new tap with this IPv4 address.")
            .deprecated("--net host-ip=IP,netmask=IP,mac=MAC");
    private static final Option<String> NETMASK = Option.word(
                    "netmask", String.class, "IP", "The netmask to --host-ip.")
            .deprecated("--net host-ip=IP,netmask=IP,mac=MAC");
    private static final Option<String> MAC = Option.word(
                    "mac", String.class, "MAC", "The guest's Ethernet address to --host-ip.")
            .deprecated("--net host-ip=IP,netmask=IP,mac=MAC");
    private static final Option<Integer> TAP_FD = Option.word(
                    "tap-fd", Integer.class, "N", "Add a network device on an inherited descriptor of a tap.")
            .repeatable()
            .deprecated("--net tap-fd=N");
    private static final Option<String> TAP_NAME = Option.word(
                    "tap-name", String.class, "NAME", "Add a network device on an existing tap.")
            .repeatable()
            .deprecated("--net tap-name=NAME");
    private static final Option<Integer> NET_VQ_PAIRS = Option.word(
                    "net-vq-pairs", Integer.class, "N", "Pairs of queues of the devices of deprecated options.")
            .deprecated("--net ...,vq-pairs=N");
    private static final Option<Boolean> VHOST_NET = Option.flag(
                    "vhost-net", "Have the kernel move the packets of the devices of deprecated options.")
            .deprecated("--net ...,vhost-net");
    private static final Option<Path> VHOST_NET_DEVICE = Option.word(
                    "vhost-net-device", Path.class, "PATH", "The kernel's device file to --vhost-net.")
            .deprecated("--net ...,vhost-net=[device=PATH]");

    static final Option.Group GROUP = new Option.Group(
            "Network",
            List.of(NET, HOST_IP, NETMASK, MAC, TAP_FD, TAP_NAME, NET_VQ_PAIRS, VHOST_NET, VHOST_NET_DEVICE));

    private NetOptions() {}

    static List<NetConfig> read(Arguments arguments) {
        List<NetConfig> all = new ArrayList<>(arguments.values(NET));
        Older older = Older.read(arguments);
        String hostIp = arguments.value(HOST_IP);
        String netmask = arguments.value(NETMASK);
        String mac = arguments.value(MAC);
        if (hostIp != null || netmask != null || mac != null) {
            if (hostIp == null || netmask == null || mac == null) {
                throw new VmmException("--host-ip, --netmask and --mac must be given together");
            }
            try {
                all.add(older.device(null, null, hostIp, netmask, mac));
            } catch (ConfigException e) {
                throw new UsageException("invalid value of option --host-ip, --netmask or --mac: " + e.getMessage(), e);
            }
        }
        arguments.values(TAP_FD).forEach(fd -> all.add(older.device(null, fd, null, null, null)));
        arguments.values(TAP_NAME).forEach(name -> all.add(older.device(name, null, null, null, null)));
        return all;
    }

    /** What the deprecated options say of all their devices together, whether or not there is one. */
    private record Older(int pairs, @Nullable VhostNetConfig vhost) {
        static Older read(Arguments arguments) {
            Integer pairs = arguments.value(NET_VQ_PAIRS);
            if (pairs != null && pairs < 1) {
                throw new VmmException("--net-vq-pairs " + pairs + ": at least one pair is needed");
            }
            Path device = arguments.value(VHOST_NET_DEVICE);
            boolean vhost = arguments.has(VHOST_NET) || device != null;
            return new Older(
                    pairs == null ? 1 : pairs,
                    vhost ? new VhostNetConfig(device == null ? VhostNetConfig.DEVICE : device) : null);
        }

        NetConfig device(
                @Nullable String tapName,
                @Nullable Integer tapFd,
                @Nullable String hostIp,
                @Nullable String netmask,
                @Nullable String mac) {
            return NetConfig.defaults().with(to -> {
                to.tapName = tapName;
                to.tapFd = tapFd;
                to.hostIp = hostIp;
                to.netmask = netmask;
                to.mac = mac;
                to.vhostNet = vhost;
                to.vqPairs = pairs;
            });
        }
    }
}
