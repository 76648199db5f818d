package jcrosvm.devices.net;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import org.jspecify.annotations.Nullable;

/** The options of network devices: {@code --net}, and the older ones that say the same. */
final class NetOptions {
    private static final Option<NetConfig> NET = Option.structured(
                    "net",
                    NetConfig.class,
                    "user|tap-name=NAME|tap-fd=N|host-ip=IP,netmask=IP,mac=MAC[,mac=MAC][,mtu=N][,vq-pairs=N]"
                            + "[,vhost-net[=[device=PATH]]][,packed-queue][,mrg-rxbuf=BOOL][,pci-address=ADDR]"
                            + "[,hostfwd=[tcp|udp:[ADDR]:PORT-[ADDR]:PORT,..]][,net=NET/N][,ipv6-net=NET/64]"
                            + "[,gateway=IP][,dns=IP][,guest=IP][,hostname=NAME][,restrict][,host-loopback=allow|deny]",
                    "Add a network device. Its cable leads to a network of our own that needs no privileges (user, with"
                            + " the keys from hostfwd on), or to a tap: an existing one by name, one that was inherited"
                            + " as a descriptor, or a new one with this address of the host (needs CAP_NET_ADMIN)."
                            + " Mergeable receive buffers (mrg-rxbuf) are offered unless false; vq-pairs above the"
                            + " number of vCPUs counts as 1.")
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
        String hostIp = arguments.value(HOST_IP);
        String netmask = arguments.value(NETMASK);
        String mac = arguments.value(MAC);
        if (hostIp != null || netmask != null || mac != null) {
            if (hostIp == null || netmask == null || mac == null) {
                throw new VmmException("--host-ip, --netmask and --mac must be given together");
            }
            all.add(older(arguments, null, null, hostIp, netmask, mac));
        }
        arguments.values(TAP_FD).forEach(fd -> all.add(older(arguments, null, fd, null, null, null)));
        arguments.values(TAP_NAME).forEach(name -> all.add(older(arguments, name, null, null, null, null)));
        return all;
    }

    private static NetConfig older(
            Arguments arguments,
            @Nullable String tapName,
            @Nullable Integer tapFd,
            @Nullable String hostIp,
            @Nullable String netmask,
            @Nullable String mac) {
        Integer pairs = arguments.value(NET_VQ_PAIRS);
        if (pairs != null && pairs < 1) {
            throw new VmmException("--net-vq-pairs " + pairs + ": at least one pair is needed");
        }
        Path device = arguments.value(VHOST_NET_DEVICE);
        boolean vhost = arguments.has(VHOST_NET) || device != null;
        return new NetConfig(
                tapName,
                tapFd,
                hostIp,
                netmask,
                mac,
                false,
                null,
                vhost ? new VhostNetConfig(device == null ? VhostNetConfig.DEVICE : device) : null,
                pairs == null ? 1 : pairs,
                false,
                null,
                null,
                null);
    }
}
