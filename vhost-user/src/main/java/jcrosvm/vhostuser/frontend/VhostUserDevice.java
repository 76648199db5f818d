package jcrosvm.vhostuser.frontend;

import java.util.Arrays;
import java.util.concurrent.CompletionStage;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Poller;
import jcrosvm.config.Value;
import jcrosvm.memory.GuestMemory;
import jcrosvm.vhostuser.BackEndRequest;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.Message;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.vhostuser.ProtocolException.Cause;
import jcrosvm.vhostuser.ProtocolFeatures;
import jcrosvm.virtio.DescriptorException;
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
 * A device whose backend is at the other end of a vhost-user connection. The driver's kicks go straight to the backend, and
 * its calls to the driver: no request passes through here.
 *
 * <p>No call takes longer than {@link Connection#TIMEOUT_MILLIS}, however many messages it needs, and none after a message
 * that was not answered: the backend is lost then, as it is when it closes the connection. Calls do nothing from then on.
 */
public final class VhostUserDevice implements VirtioDevice {
    private static final int ACKNOWLEDGED = 1 | 2; // ACKNOWLEDGE and DRIVER
    private static final int ACCEPTED = ACKNOWLEDGED | 8; // FEATURES_OK
    private static final int RUNNING = ACCEPTED | 4; // DRIVER_OK

    /** Bits that belong to the type of the device, and what a device may say of its rings (virtio 1.3, 2.2). */
    private static final long DEVICE_FEATURES = (1L << 24) - 1
            | -1L << 50
            | VirtioFeatures.VIRTIO_F_RING_PACKED
            | VirtioFeatures.VIRTIO_F_IN_ORDER
            | VirtioFeatures.VIRTIO_F_RING_RESET;

    private final BackEnd backend;
    private final @Nullable Companion companion;
    private final DeviceTraits traits;
    private final @Nullable QueueResources[] running;
    private final EventFd error = new EventFd();
    private final QueueWorker worker;
    private volatile DeviceHost host = DeviceHost.NONE;
    private volatile @Nullable String lost;
    private @Nullable GuestMemory shown;
    private boolean started;
    private volatile boolean closed;

    /**
     * @param name of the device, for its thread
     * @param backend which this object owns
     */
    public VhostUserDevice(String name, BackEnd backend, DeviceShape shape) {
        this(name, backend, shape, null);
    }

    /** @param companion of a backend of ours, or null */
    VhostUserDevice(String name, BackEnd backend, DeviceShape shape, @Nullable Companion companion) {
        this.backend = backend;
        this.companion = companion;
        long features = backend.features();
        String unsavable = shape.unsavable().isEmpty() && !backend.has(ProtocolFeatures.DEVICE_STATE)
                ? "its backend cannot save its state"
                : shape.unsavable();
        long offered = features & shape.features() & DEVICE_FEATURES;
        traits = new DeviceTraits(shape.type(), offered, shape.queueSizes(), shape.configLength())
                .withRings(features & VirtioFeatures.RINGS)
                .unsavable(unsavable);
        running = new QueueResources[shape.queueSizes().size()];
        worker = new QueueWorker(name);
        worker.execute(this::watch);
    }

    private void watch() {
        worker.poller().add(error.fd(), Poller.READABLE, events -> {
            error.drain();
            host.failed();
        });
        worker.poller().add(backend.connection().fd(), 0, events -> {
            worker.poller().remove(backend.connection().fd());
            lost(backend.connection().peer() + " has closed the connection");
        });
        Connection requests = backend.requests();
        if (requests != null) {
            worker.poller().add(requests.fd(), Poller.READABLE, events -> serve(requests));
        }
    }

    private void serve(Connection requests) {
        try (Message request = requests.nextOfBackEnd()) {
            if (request == null) {
                worker.poller().remove(requests.fd());
                return;
            }
            if (request.request() == BackEndRequest.CONFIG_CHANGE_MSG) {
                host.configChanged();
            }
            requests.acknowledge(request, true);
        } catch (ProtocolException e) {
            worker.poller().remove(requests.fd());
            lost(e.getMessage());
        }
    }

    private void lost(@Nullable String reason) {
        if (lost == null && !closed && (companion == null || !companion.isEnding())) {
            String known = companion == null ? null : companion.failure();
            lost = known == null ? reason : known;
            host.lost("vhost-user: " + lost);
        }
    }

    /** Asks the backend for something, unless it is lost. */
    private void attempt(Runnable requests) {
        if (lost != null) {
            return;
        }
        backend.connection().limit();
        try {
            requests.run();
        } catch (ProtocolException e) {
            if (e.why() == Cause.REFUSED) {
                throw new DescriptorException(String.valueOf(e.getMessage()));
            }
            lost(e.getMessage());
        }
    }

    @Override
    public DeviceTraits traits() {
        return traits;
    }

    @Override
    public void attach(DeviceHost newHost) {
        host = newHost;
        String reason = lost;
        if (reason != null) {
            newHost.lost("vhost-user: " + reason);
        }
    }

    @Override
    public void negotiated(long features) {
        attempt(() -> {
            backend.status(ACKNOWLEDGED);
            backend.negotiated(features);
            backend.status(ACCEPTED);
        });
    }

    @Override
    public void readConfig(int offset, byte[] into) {
        attempt(() -> {
            int end = Math.min(traits.configLength(), offset + into.length);
            if (offset < end) {
                System.arraycopy(backend.config(end), offset, into, 0, end - offset);
            }
        });
    }

    @Override
    public void writeConfig(int offset, byte[] from) {
        int length = Math.min(from.length, traits.configLength() - offset);
        if (length > 0) {
            attempt(() -> backend.writeConfig(offset, Arrays.copyOf(from, length)));
        }
    }

    @Override
    @SuppressWarnings("ReferenceEquality") // a machine that took the other's place has memory of its own
    public void startQueue(int index, QueueResources resources) {
        attempt(() -> {
            if (shown != resources.memory()) {
                if (companion != null) {
                    companion.show(resources.memory());
                }
                backend.memory(resources.memory());
                shown = resources.memory();
            }
            backend.start(resources, error);
            running[index] = resources;
            if (!started) {
                started = true;
                backend.status(RUNNING);
            }
            resources.kick().signal(); // for what was made available before the backend looked
        });
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        QueueResources resources = running[index];
        if (resources == null) {
            return null;
        }
        running[index] = null;
        int[] base = new int[1];
        attempt(() -> base[0] = backend.stop(index));
        if (lost != null) {
            return null;
        }
        if ((resources.features() & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0) {
            return new QueueState(base[0] & 0xffff, base[0] >>> 16);
        }
        return new QueueState(base[0] & 0xffff, Vhost.used(resources.layout(), resources.memory()));
    }

    @Override
    public void reset() {
        started = false;
        attempt(backend::reset);
    }

    @Override
    public byte[] saveState() {
        requireSavable();
        byte[][] state = {{}};
        transfer(() -> state[0] = backend.state().save());
        return state[0];
    }

    @Override
    public void restoreState(byte[] state) {
        requireSavable();
        transfer(() -> backend.state().restore(state));
    }

    /** A state that is not whole is none: as {@link #attempt}, but a backend that is lost is an error too. */
    private void transfer(Runnable requests) {
        try {
            attempt(requests);
        } catch (DescriptorException e) {
            throw new VmmException(String.valueOf(e.getMessage()));
        }
        if (lost != null) {
            throw new VmmException("vhost-user: " + lost);
        }
    }

    private void requireSavable() {
        if (!traits.unsavable().isEmpty()) {
            throw new UnsupportedOperationException(traits.unsavable());
        }
    }

    @Override
    public CompletionStage<Value> command(String verb, Value body) {
        return companion == null ? VirtioDevice.super.command(verb, body) : companion.command(verb, body);
    }

    @Override
    public void close() {
        closed = true;
        worker.close();
        backend.close();
        error.close();
        if (companion != null) {
            companion.ended();
        }
    }
}
