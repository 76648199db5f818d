package jcrosvm.vhostuser.frontend;

import java.util.Arrays;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Poller;
import jcrosvm.config.Value;
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
 *
 * <p>With a {@link Reconnection} the device waits for another backend, and tells it what the driver has set up. Calls
 * meanwhile change only that. A call that comes while the other backend is being told takes twice as long at most.
 */
public final class VhostUserDevice implements VirtioDevice {
    private static final LimitedLog LOG = LimitedLog.of(VhostUserDevice.class);

    /** Bits that belong to the type of the device, and what a device may say of its rings (virtio 1.3, 2.2). */
    private static final long DEVICE_FEATURES = (1L << 24) - 1
            | -1L << 50
            | VirtioFeatures.VIRTIO_F_RING_PACKED
            | VirtioFeatures.VIRTIO_F_IN_ORDER
            | VirtioFeatures.VIRTIO_F_RING_RESET;

    private final String name;
    private final @Nullable Companion companion;
    private final @Nullable Reconnection reconnection;
    private final DeviceTraits traits;
    private final @Nullable BackEndOffer offer; // when another backend may take the place of the first
    private final DriverSetup setup; // guarded by this, as the next three
    private final byte[] config; // as it was read last
    private BackEnd backend;
    private boolean isAway; // until another backend takes its place
    private final QueueWorker worker;
    private volatile DeviceHost host = DeviceHost.NONE;
    private volatile @Nullable String lost;
    private volatile boolean closed;

    /**
     * @param name of the device, for its thread
     * @param backend which this object owns
     */
    public VhostUserDevice(String name, BackEnd backend, DeviceShape shape) {
        this(name, backend, shape, null, null);
    }

    /**
     * @param companion of a backend of ours, or null
     * @param reconnection where another backend may come from, or null
     */
    VhostUserDevice(
            String name,
            BackEnd backend,
            DeviceShape shape,
            @Nullable Companion companion,
            @Nullable Reconnection reconnection) {
        this.name = name;
        this.backend = backend;
        this.companion = companion;
        this.reconnection = reconnection;
        offer = reconnection == null ? null : BackEndOffer.of(backend);
        String unsavable = shape.unsavable().isEmpty() && !backend.has(ProtocolFeatures.DEVICE_STATE)
                ? "its backend cannot save its state"
                : shape.unsavable();
        long offered = backend.features();
        // Of a packed ring only notes can tell where to go on.
        boolean canResume = offer == null || offer.isTracked();
        long possible = canResume ? DEVICE_FEATURES : DEVICE_FEATURES & ~VirtioFeatures.VIRTIO_F_RING_PACKED;
        traits = new DeviceTraits(
                        shape.type(), offered & shape.features() & possible, shape.queueSizes(), shape.configLength())
                .withRings(offered & VirtioFeatures.RINGS)
                .unsavable(unsavable);
        config = reconnection == null ? new byte[shape.configLength()] : backend.config(shape.configLength());
        setup = new DriverSetup(shape.queueSizes(), companion, reconnection != null);
        worker = new QueueWorker(name);
        worker.execute(() -> {
            worker.poller().add(setup.error().fd(), Poller.READABLE, events -> {
                setup.error().drain();
                host.failed();
            });
            watch(backend);
        });
    }

    private void watch(BackEnd watched) {
        worker.poller().add(watched.connection().fd(), 0, events -> {
            worker.poller().remove(watched.connection().fd());
            lost(watched, watched.connection().peer() + " has closed the connection");
        });
        Connection requests = watched.requests();
        if (requests != null) {
            worker.poller().add(requests.fd(), Poller.READABLE, events -> serve(watched, requests));
        }
    }

    private void serve(BackEnd watched, Connection requests) {
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
            lost(watched, String.valueOf(e.getMessage()));
        }
    }

    private void lost(BackEnd gone, String reason) {
        if (reconnection == null || closed) {
            lost(reason);
            return;
        }
        synchronized (this) {
            if (isAway || backend != gone) {
                return;
            }
            isAway = true;
        }
        LOG.log(
                System.Logger.Level.WARNING,
                "vhost-user: %s; the device waits up to %d s for it".formatted(reason, reconnection.seconds()));
        worker.execute(() -> bringBack(gone, reason, reconnection));
    }

    private void lost(String reason) {
        if (lost == null && !closed && (companion == null || !companion.isEnding())) {
            String known = companion == null ? null : companion.failure();
            lost = known == null ? reason : known;
            host.lost("vhost-user: " + lost);
        }
    }

    private void bringBack(BackEnd gone, String reason, Reconnection how) {
        worker.poller().remove(gone.connection().fd());
        if (gone.requests() != null) {
            worker.poller().remove(gone.requests().fd());
        }
        gone.close();
        if (!how.run(() -> !closed, this::takeOver)) {
            lost(reason + ", and none took its place within " + how.seconds() + " s");
        }
    }

    /** Tells another backend what there is; false when it is lost too. It may be one of another device: that is the end. */
    private boolean takeOver(BackEnd next) {
        byte[] before;
        try {
            next.connection().limit();
            String missing = offer == null ? null : offer.missingFrom(next, config.length);
            if (missing != null) {
                lost(next.connection().peer() + " has come back as another device: " + missing);
                next.close();
                return true;
            }
            synchronized (this) {
                before = config.clone();
                setup.repeat(next);
                System.arraycopy(next.config(config.length), 0, config, 0, config.length);
                backend = next;
                isAway = false;
            }
        } catch (VmmException e) {
            next.close();
            return false;
        }
        watch(next);
        LOG.log(
                System.Logger.Level.INFO,
                "vhost-user: %s has come back".formatted(next.connection().peer()));
        if (!Arrays.equals(before, config)) {
            host.configChanged();
        }
        return true;
    }

    /** Has the backend do something, unless it is lost or away. */
    private void attempt(Consumer<BackEnd> requests) {
        attempt(() -> {}, requests);
    }

    /** The same, and notes before what the next backend is to know. */
    private void attempt(Runnable change, Consumer<BackEnd> requests) {
        BackEnd asked;
        String failure;
        synchronized (this) { // both: another backend may come
            change.run();
            asked = backend;
            failure = lost != null || isAway ? null : failureOf(asked, requests);
        }
        if (failure != null) {
            lost(asked, failure);
        }
    }

    private static @Nullable String failureOf(BackEnd backend, Consumer<BackEnd> requests) {
        backend.connection().limit();
        try {
            requests.accept(backend);
            return null;
        } catch (ProtocolException e) {
            if (e.why() == Cause.REFUSED) {
                throw new DescriptorException(String.valueOf(e.getMessage()));
            }
            return String.valueOf(e.getMessage());
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
        attempt(() -> setup.accepted(features), setup::tellFeatures);
    }

    @Override
    public void readConfig(int offset, byte[] into) {
        int end = Math.min(traits.configLength(), offset + into.length);
        if (offset < end) {
            attempt(from -> System.arraycopy(from.config(end), 0, config, 0, end));
            synchronized (this) {
                System.arraycopy(config, offset, into, 0, end - offset);
            }
        }
    }

    @Override
    public void writeConfig(int offset, byte[] from) {
        int length = Math.min(from.length, traits.configLength() - offset);
        if (length > 0) {
            byte[] bytes = Arrays.copyOf(from, length);
            attempt(
                    () -> {
                        setup.wrote(offset, bytes);
                        System.arraycopy(bytes, 0, config, offset, length);
                    },
                    to -> to.writeConfig(offset, bytes));
        }
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        try {
            attempt(() -> setup.began(resources), with -> setup.start(with, resources));
        } catch (DescriptorException e) {
            attempt(() -> setup.ended(index), with -> {});
            throw e;
        }
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        QueueResources[] stopped = new QueueResources[1];
        Integer[] base = new Integer[1];
        attempt(() -> stopped[0] = setup.ended(index), with -> base[0] = stopped[0] == null ? null : with.stop(index));
        QueueResources resources = stopped[0];
        if (resources == null) {
            return null;
        }
        if (base[0] == null) {
            return lost != null ? null : DriverSetup.seen(resources); // the next backend has the notes
        }
        if ((resources.features() & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0) {
            return new QueueState(base[0] & 0xffff, base[0] >>> 16);
        }
        return new QueueState(base[0] & 0xffff, Vhost.used(resources.layout(), resources.memory()));
    }

    @Override
    public void reset() {
        attempt(setup::reset, BackEnd::reset);
    }

    @Override
    public byte[] saveState() {
        requireSavable();
        byte[][] state = {{}};
        transfer(from -> state[0] = from.state().save());
        return state[0];
    }

    @Override
    public void restoreState(byte[] state) {
        requireSavable();
        transfer(to -> to.state().restore(state));
    }

    /** A state that is not whole is none: as {@link #attempt}, but a backend that is lost is an error too. */
    private void transfer(Consumer<BackEnd> requests) {
        try {
            attempt(requests);
        } catch (DescriptorException e) {
            throw new VmmException(String.valueOf(e.getMessage()));
        }
        if (lost != null) {
            throw new VmmException("vhost-user: " + lost);
        }
        if (isAway()) {
            throw new VmmException("vhost-user: the backend of " + name + " is away");
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

    private synchronized boolean isAway() {
        return isAway;
    }

    @Override
    public void close() {
        closed = true;
        worker.close();
        synchronized (this) {
            backend.close();
            setup.close();
        }
        if (companion != null) {
            companion.ended();
        }
    }
}
