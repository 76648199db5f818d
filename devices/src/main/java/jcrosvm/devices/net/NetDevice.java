package jcrosvm.devices.net;

import static jcrosvm.devices.net.NetSpec.*;
import static jcrosvm.network.Offloads.*;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletionStage;
import jcrosvm.base.VmmException;
import jcrosvm.config.Value;
import jcrosvm.network.NetBackend;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/**
 * The network device in front of {@link NetBackend}s, one for each pair of queues; all of them lead to the same cable.
 * Each pair has its worker; the control queue is served by the first one's.
 */
final class NetDevice implements VirtioDevice, ControlQueue.Settings {
    private static final int STATE_LENGTH = 19;

    private final List<QueuePair> pairs = new ArrayList<>();
    private final LinkStatus link = new LinkStatus();
    private final DeviceTraits traits;
    private final MacAddress givenMac;
    private final int mtu;
    private final Runnable controlAgain;
    private volatile MacAddress mac;
    private volatile int usedPairs = 1;
    private volatile long offloads;
    private volatile long features;

    /**
     * @param name of the device, for its threads: {@code net0}
     * @param backends one for each pair; theirs is the device's from now on
     * @param options features to offer beside those that the backends and this device have: VIRTIO_NET_F_MRG_RXBUF,
     *     VIRTIO_F_RING_PACKED
     */
    NetDevice(String name, List<? extends NetBackend> backends, MacAddress mac, int mtu, long options) {
        for (int i = 0; i < backends.size(); i++) {
            pairs.add(new QueuePair(backends.size() == 1 ? name : name + "/q" + i, i, backends.get(i), link));
        }
        givenMac = mac;
        this.mac = mac;
        this.mtu = mtu;
        controlAgain = () -> pairs.getFirst().again(control());
        long offered = backends.getFirst().features() & (GUEST_OFFLOADS | HOST_OFFLOADS)
                | VIRTIO_NET_F_MAC
                | VIRTIO_NET_F_MTU
                | VIRTIO_NET_F_STATUS
                | VIRTIO_NET_F_CTRL_VQ
                | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS
                | VIRTIO_NET_F_CTRL_MAC_ADDR
                | VIRTIO_NET_F_CTRL_RX
                | options;
        if (backends.size() > 1) {
            offered |= VIRTIO_NET_F_MQ;
        }
        traits = new DeviceTraits(
                        DEVICE_TYPE, offered, Collections.nCopies(2 * backends.size() + 1, QUEUE_SIZE), CONFIG_LENGTH)
                .unsavable(backends.getFirst().unsavable());
    }

    @Override
    public DeviceTraits traits() {
        return traits;
    }

    @Override
    public void attach(DeviceHost host) {
        link.attach(host);
    }

    @Override
    public void negotiated(long accepted) {
        features = accepted;
        guestOffloads(accepted & GUEST_OFFLOADS);
    }

    /** The last queue of those that the driver knows of (5.1.2). */
    private int control() {
        return (features & VIRTIO_NET_F_MQ) != 0 ? 2 * pairs.size() : 2;
    }

    @Override
    public void readConfig(int offset, byte[] into) {
        NetConfigSpace.read(offset, into, mac, link.up(), pairs.size(), mtu);
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        if (index == control()) {
            pairs.getFirst().start(resources, new ControlQueue(this, controlAgain));
        } else if (index < control()) {
            QueuePair pair = pairs.get(index / 2);
            boolean mergeable = (features & VIRTIO_NET_F_MRG_RXBUF) != 0;
            boolean checksums = (features & VIRTIO_NET_F_GUEST_CSUM) != 0;
            pair.start(
                    resources,
                    index % 2 == 0
                            ? new Receiver(pair, resources.layout().size(), mergeable, checksums)
                            : new Transmitter(pair));
        }
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        if (index > control()) {
            return null;
        }
        QueuePair pair = index == control() ? pairs.getFirst() : pairs.get(index / 2);
        return pair.stop(index);
    }

    @Override
    public void reset() {
        mac = givenMac;
        pairs(1);
        guestOffloads(0);
        features = 0;
    }

    @Override
    public boolean guestOffloads(long wanted) {
        if ((wanted & ~(features & GUEST_OFFLOADS)) != 0) {
            return false;
        }
        offloads = wanted;
        pairs.getFirst().backend().guestOffloads(wanted);
        return true;
    }

    @Override
    public boolean pairs(int count) {
        if (count < 1 || count > pairs.size() || count > VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX) {
            return false;
        }
        usedPairs = count;
        for (int i = 1; i < pairs.size(); i++) {
            pairs.get(i).attach(i < count);
        }
        return true;
    }

    @Override
    public boolean mac(MacAddress address) {
        mac = address;
        return true;
    }

    @Override
    public CompletionStage<Value> command(String verb, Value body) {
        return verb.equals(NetCommand.VERB.name())
                ? NetCommand.perform(body, link)
                : VirtioDevice.super.command(verb, body);
    }

    @Override
    public byte[] saveState() {
        requireSavable();
        ByteBuffer state = ByteBuffer.allocate(STATE_LENGTH);
        state.putLong(mac.bits()).putShort((short) usedPairs).putLong(offloads);
        state.put((byte) (link.wanted() ? 1 : 0));
        return state.array();
    }

    @Override
    public void restoreState(byte[] state) {
        requireSavable();
        ByteBuffer in = ByteBuffer.wrap(state);
        if (state.length != STATE_LENGTH) {
            throw new VmmException("a state of " + state.length + " bytes is not of a network device");
        }
        MacAddress address = new MacAddress(in.getLong());
        int count = in.getShort();
        long wanted = in.getLong();
        if ((wanted & ~(features & GUEST_OFFLOADS)) != 0 || !pairs(count)) {
            throw new VmmException("a state with %d queue pairs and offloads 0x%x is not of this network device"
                    .formatted(count, wanted));
        }
        mac = address;
        guestOffloads(wanted);
        link.plug(in.get() != 0);
    }

    private void requireSavable() {
        if (!traits.unsavable().isEmpty()) {
            throw new UnsupportedOperationException(traits.unsavable());
        }
    }

    @Override
    public void close() {
        pairs.forEach(QueuePair::close);
    }
}
