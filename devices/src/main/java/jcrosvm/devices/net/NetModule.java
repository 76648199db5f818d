package jcrosvm.devices.net;

import static jcrosvm.devices.net.NetSpec.VIRTIO_NET_F_MRG_RXBUF;
import static jcrosvm.virtio.VirtioFeatures.VIRTIO_F_RING_PACKED;

import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.network.TapBackend;
import jcrosvm.network.TapPort;
import jcrosvm.network.user.UserNetwork;
import jcrosvm.virtio.ControlVerb;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import jcrosvm.virtio.vhost.Vhost;

/** Network devices. */
public final class NetModule implements DeviceModule<NetConfig> {
    private static final System.Logger LOG = System.getLogger(NetModule.class.getName());

    @Override
    public String name() {
        return "net";
    }

    @Override
    public Class<NetConfig> configType() {
        return NetConfig.class;
    }

    @Override
    public Option.Group options() {
        return NetOptions.GROUP;
    }

    @Override
    public List<NetConfig> read(Arguments arguments) {
        return NetOptions.read(arguments);
    }

    @Override
    public String pciAddress(NetConfig config) {
        return config.pciAddress() == null ? "" : config.pciAddress();
    }

    @Override
    public VirtioDevice create(NetConfig config, int index, VmFacts host) {
        int pairs = pairs(config, index, host);
        MacAddress mac = mac(config, index);
        if (config.user()) {
            UserNetwork network = UserNetwork.open(config.userNetwork());
            return new NetDevice("net" + index, List.of(network), mac, network.mtu(), options(config));
        }
        TapPort port = TapPort.open(config.source(), pairs, config.mtu());
        List<TapBackend> backends = TapBackend.of(port);
        if (config.vhostNet() != null) {
            return vhost(config, config.vhostNet(), backends.getFirst(), index, mac);
        }
        return new NetDevice("net" + index, backends, mac, port.mtu(), options(config));
    }

    @Override
    public List<ControlVerb> verbs() {
        return List.of(NetCommand.VERB);
    }

    private static VirtioDevice vhost(
            NetConfig config, VhostNetConfig kernel, TapBackend tap, int index, MacAddress mac) {
        Vhost vhost = null;
        try {
            vhost = Vhost.open(kernel.device(), "vhost-net");
            return new VhostNetDevice("net" + index, vhost, tap, mac, tap.mtu(), config.isMergeable());
        } catch (RuntimeException e) {
            if (vhost != null) {
                vhost.close();
            }
            tap.close();
            throw e;
        }
    }

    private static MacAddress mac(NetConfig config, int index) {
        if (config.mac() != null) {
            MacAddress address = MacAddress.parse(config.mac());
            if (!address.isStation()) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "net{0}: mac {1} is the address of a group or of none: Linux guests do not bring the interface up",
                        index,
                        address);
            }
            return address;
        }
        // On a network of its own a guest is best known by the same address every time; on others it must not clash.
        return MacAddress.local(
                config.user() ? index + 1 : ThreadLocalRandom.current().nextLong());
    }

    private static long options(NetConfig config) {
        return (config.isMergeable() ? VIRTIO_NET_F_MRG_RXBUF : 0) | (config.packedQueue() ? VIRTIO_F_RING_PACKED : 0);
    }

    private static int pairs(NetConfig config, int index, VmFacts host) {
        if (config.vqPairs() > host.vcpus()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "net{0}: vq-pairs={1} is more than the {2} vCPUs: using 1",
                    index,
                    config.vqPairs(),
                    host.vcpus());
            return 1;
        }
        if (config.vqPairs() > 1 && (config.user() || config.vhostNet() != null)) {
            String what = config.user() ? "a user network" : "vhost-net";
            LOG.log(System.Logger.Level.WARNING, "net{0}: {1} has one pair of queues: using 1", index, what);
            return 1;
        }
        return config.vqPairs();
    }
}
