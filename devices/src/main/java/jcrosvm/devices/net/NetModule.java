package jcrosvm.devices.net;

import static jcrosvm.devices.net.NetSpec.VIRTIO_NET_F_MRG_RXBUF;
import static jcrosvm.virtio.VirtioFeatures.VIRTIO_F_RING_PACKED;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import jcrosvm.base.io.Fd;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.network.TapBackend;
import jcrosvm.network.TapPort;
import jcrosvm.network.user.UserNetwork;
import jcrosvm.virtio.ControlVerb;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.SandboxProfile;
import jcrosvm.virtio.StandaloneOptions;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import jcrosvm.virtio.vhost.Vhost;

/** Network devices. */
public final class NetModule implements DeviceModule<NetConfig> {
    private static final System.Logger LOG = System.getLogger(NetModule.class.getName());

    /**
     * What the descriptors of a tap are.
     *
     * @param name of the interface
     * @param mtu of the interface
     * @param queues how many there are, a descriptor for each
     */
    public record Tap(String name, int mtu, int queues) {}

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
    public Optional<StandaloneOptions<NetConfig>> standalone() {
        return Optional.of(NetStandalone.OPTIONS);
    }

    @Override
    public String pciAddress(NetConfig config) {
        return config.pciAddress() == null ? "" : config.pciAddress();
    }

    @Override
    public SandboxProfile sandbox(NetConfig config) {
        if (config.user()) {
            return new SandboxProfile(List.of(), List.of(UserNetwork.RESOLV_CONF), true);
        }
        return SandboxProfile.of("readv", "writev", "ioctl");
    }

    /** A user network has nothing that could be opened for it: it makes its connections as the guest asks for them. */
    @Override
    public HostResources open(NetConfig config, int index, VmFacts vm) {
        int pairs = pairs(config, index, vm);
        if (config.user()) {
            return new HostResources();
        }
        TapPort port = TapPort.open(config.source(), pairs, config.mtu());
        HostResources resources =
                new HostResources(new Tap(port.name(), port.mtu(), port.queues().size()));
        for (int i = 0; i < port.queues().size(); i++) {
            resources.with("tap" + i, port.queues().get(i));
        }
        try {
            VhostNetConfig kernel = config.vhostNet();
            return kernel == null ? resources : resources.with("vhost", Vhost.openDevice(kernel.device(), "vhost-net"));
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
    }

    @Override
    public VirtioDevice create(NetConfig config, int index, HostResources resources, VmFacts vm) {
        MacAddress mac = mac(config, index);
        if (config.user()) {
            UserNetwork network = UserNetwork.open(config.userNetwork());
            return new NetDevice("net" + index, List.of(network), mac, network.mtu(), options(config));
        }
        Tap tap = resources.description(Tap.class);
        List<Fd> queues = new ArrayList<>();
        for (int i = 0; i < tap.queues(); i++) {
            queues.add(resources.take("tap" + i));
        }
        List<TapBackend> backends = TapBackend.of(new TapPort(tap.name(), queues, tap.mtu()));
        VhostNetConfig kernel = config.vhostNet();
        try {
            if (kernel == null) {
                return new NetDevice("net" + index, backends, mac, tap.mtu(), options(config));
            }
            Vhost vhost = Vhost.of(resources.take("vhost"), kernel.device());
            try {
                return new VhostNetDevice(
                        "net" + index, vhost, backends.getFirst(), mac, tap.mtu(), config.isMergeable());
            } catch (RuntimeException e) {
                vhost.close();
                throw e;
            }
        } catch (RuntimeException e) {
            backends.forEach(TapBackend::close);
            throw e;
        }
    }

    @Override
    public List<ControlVerb> verbs() {
        return List.of(NetCommand.VERB);
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

    private static int pairs(NetConfig config, int index, VmFacts vm) {
        if (config.vqPairs() > vm.vcpus()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "net{0}: vq-pairs={1} is more than the {2} vCPUs: using 1",
                    index,
                    config.vqPairs(),
                    vm.vcpus());
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
