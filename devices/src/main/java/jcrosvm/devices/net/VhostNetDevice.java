package jcrosvm.devices.net;

import static jcrosvm.devices.net.NetSpec.*;
import static jcrosvm.network.Offloads.*;

import java.util.List;
import java.util.concurrent.CompletionStage;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Poller;
import jcrosvm.config.Value;
import jcrosvm.network.TapBackend;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.vhost.Vhost;
import org.jspecify.annotations.Nullable;

/**
 * A network device whose packets the host's kernel moves between the rings and a tap: kicks go straight to it, and its
 * interrupts to the driver. One pair of queues, no control queue.
 */
final class VhostNetDevice implements VirtioDevice {
    private static final int QUEUES = 2;
    private static final String UNSAVABLE = "the host's kernel moves its packets (vhost-net)";

    private final Vhost vhost;
    private final TapBackend tap;
    private final MacAddress mac;
    private final int mtu;
    private final DeviceTraits traits;
    private final @Nullable QueueResources[] running = new QueueResources[QUEUES];
    private final EventFd error = new EventFd();
    private final QueueWorker worker;
    private volatile DeviceHost host = DeviceHost.NONE;
    private long features;

    /** @param name of the device, for its thread; tap and vhost are the device's from now on */
    VhostNetDevice(String name, Vhost vhost, TapBackend tap, MacAddress mac, int mtu, boolean mergeable) {
        this.vhost = vhost;
        this.tap = tap;
        this.mac = mac;
        this.mtu = mtu;
        long able = vhost.features();
        if ((able & VirtioFeatures.RINGS) != VirtioFeatures.RINGS) {
            throw new VmmException(
                    "this kernel's vhost-net is too old: its features are 0x%x; leave vhost-net out".formatted(able));
        }
        long offered = tap.features() | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | VIRTIO_NET_F_STATUS;
        offered |= mergeable ? able & VIRTIO_NET_F_MRG_RXBUF : 0;
        traits = new DeviceTraits(
                DEVICE_TYPE, offered, List.of(QUEUE_SIZE, QUEUE_SIZE), CONFIG_LENGTH, List.of(), true, UNSAVABLE);
        worker = new QueueWorker(name);
        worker.execute(() -> worker.poller().add(error.fd(), Poller.READABLE, events -> failed()));
    }

    private void failed() {
        error.drain();
        host.failed();
    }

    @Override
    public DeviceTraits traits() {
        return traits;
    }

    @Override
    public void attach(DeviceHost newHost) {
        host = newHost;
    }

    @Override
    public void negotiated(long accepted) {
        features = accepted;
        tap.guestOffloads(accepted & GUEST_OFFLOADS);
    }

    @Override
    public void readConfig(int offset, byte[] into) {
        NetConfigSpace.read(offset, into, mac, true, 1, mtu);
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        if (running[0] == null && running[1] == null) {
            // Offloads are between the driver and the tap; the rest is for the kernel, which works on the rings.
            vhost.features(features & (VirtioFeatures.RINGS | VIRTIO_NET_F_MRG_RXBUF));
            vhost.memory(resources.memory());
        }
        vhost.ring(
                index,
                resources.layout(),
                resources.memory(),
                resources.state().available(),
                resources.kick(),
                resources.interrupt().callEvent(),
                error);
        VhostNet.start(vhost, index, tap.descriptor());
        running[index] = resources;
        resources.kick().signal(); // for what was made available before the kernel looked
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        QueueResources resources = running[index];
        if (resources == null) {
            return null;
        }
        running[index] = null;
        int available = VhostNet.stop(vhost, index);
        return new QueueState(available, Vhost.used(resources.layout(), resources.memory()));
    }

    @Override
    public void reset() {
        features = 0;
        tap.guestOffloads(0);
    }

    @Override
    public byte[] saveState() {
        throw new UnsupportedOperationException(UNSAVABLE);
    }

    @Override
    public void restoreState(byte[] state) {
        throw new UnsupportedOperationException(UNSAVABLE);
    }

    @Override
    public CompletionStage<Value> command(String verb, Value body) {
        if (verb.equals(NetCommand.VERB.name())) {
            throw new OsException("vhost-net has no link status", Errno.ENOTSUP);
        }
        return VirtioDevice.super.command(verb, body);
    }

    @Override
    public void close() {
        worker.close();
        error.close();
        vhost.close();
        tap.close();
    }
}
