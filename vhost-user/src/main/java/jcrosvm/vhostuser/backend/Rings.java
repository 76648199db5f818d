package jcrosvm.vhostuser.backend;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.InflightRegion;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import org.jspecify.annotations.Nullable;

/**
 * The queues of a device, and what it has negotiated. The device works on the rings that are described, enabled and have
 * a kick. A bad ring is told to the front end by its error event, and stays stopped.
 */
final class Rings implements AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(Rings.class);

    private final VirtioDevice device;
    private final MemoryTable memory;
    private final InflightTable inflight;
    private final List<Ring> rings = new ArrayList<>();
    private long features;
    private boolean hasFeatures;
    private boolean isNegotiated;
    private boolean areAllEnabled;
    private byte @Nullable [] restored; // until a ring starts

    /** @param needsReset told when the device cannot go on */
    Rings(VirtioDevice device, MemoryTable memory, InflightTable inflight, Runnable needsReset) {
        this.device = device;
        this.memory = memory;
        this.inflight = inflight;
        for (int i = 0; i < device.traits().queueSizes().size(); i++) {
            rings.add(new Ring(i, needsReset));
        }
    }

    int count() {
        return rings.size();
    }

    /** @throws VmmException when the device has no such queue */
    Ring get(int index) {
        if (index < 0 || index >= rings.size()) {
            throw new VmmException("there is no ring " + (index & 0xffffffffL) + "; the device has " + rings.size());
        }
        return rings.get(index);
    }

    /**
     * The front end has accepted features; from then on rings may start.
     *
     * @param own features of the device and its rings
     * @param allEnabled whether rings run without SET_VRING_ENABLE
     */
    void accepted(long own, boolean allEnabled) {
        if (!isNegotiated || own != features) {
            stop();
            if (((own ^ features) & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0) {
                inflight.close(); // which has the form of the other rings
            }
            features = own;
            negotiate();
        }
        hasFeatures = true;
        areAllEnabled = allEnabled;
        start();
    }

    private void negotiate() {
        device.negotiated(features);
        isNegotiated = true;
        if (restored != null) {
            device.restoreState(restored);
        }
    }

    boolean isPacked() {
        return (features & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0;
    }

    /** The state of the device, for {@link #restore}. */
    byte[] save() {
        requireStopped();
        return device.saveState();
    }

    /** Takes a state over; again, when the front end accepts other features before the first ring starts. */
    void restore(byte[] state) {
        requireStopped();
        if (!isNegotiated) {
            negotiate();
        }
        device.restoreState(state);
        restored = state;
    }

    private void requireStopped() {
        if (rings.stream().anyMatch(ring -> ring.isRunning)) {
            throw new VmmException("the device works on its rings");
        }
    }

    /** Changes a ring, which does not run meanwhile. */
    void change(Ring ring, Runnable change) {
        stop(ring);
        ring.isBroken = false;
        change.run();
        start(ring);
    }

    /** Starts all that can run. */
    void start() {
        rings.forEach(this::start);
    }

    private void start(Ring ring) {
        EventFd kick = ring.kick;
        GuestMemory ram = memory.memory();
        boolean isReady = hasFeatures && ring.isComplete() && (ring.isEnabled || areAllEnabled);
        if (!isReady || kick == null || ram == null || ring.isRunning || ring.isBroken) {
            return;
        }
        try {
            if (!isNegotiated) {
                negotiate();
            }
            QueueLayout layout = ring.layout(memory);
            QueueState state = ring.state(isPacked(), layout, ram);
            InflightRegion notes = inflight.region(ring.index, layout.size());
            device.startQueue(
                    ring.index,
                    new QueueResources(ring.index, layout, state, features, ram, kick, ring.interrupt, notes));
            ring.isRunning = true;
            restored = null;
        } catch (RuntimeException | InternalError e) { // the latter: the memory's file was cut short
            ring.isBroken = true;
            log("cannot start", ring, e);
            ring.interrupt.failed();
        }
    }

    /** Stops all. */
    void stop() {
        rings.forEach(this::stop);
    }

    void stop(Ring ring) {
        if (!ring.isRunning) {
            return;
        }
        QueueState state = null;
        try {
            state = device.stopQueue(ring.index);
        } catch (RuntimeException | InternalError e) {
            log("cannot stop", ring, e);
        }
        ring.stoppedAt(state);
    }

    private static void log(String what, Ring ring, Throwable error) {
        String message = "the device " + what + " ring " + ring.index + ": ";
        if (error instanceof VmmException) {
            LOG.log(System.Logger.Level.WARNING, message + error.getMessage());
        } else {
            LOG.log(System.Logger.Level.ERROR, message + error, error);
        }
    }

    /** Takes all rings out of work until they are enabled again. */
    void disable() {
        stop();
        rings.forEach(ring -> ring.isEnabled = false);
        areAllEnabled = false;
    }

    /** Resets the device, and forgets what the front end has said of the rings but for the events to the driver. */
    void reset() {
        stop();
        rings.forEach(Ring::reset);
        isNegotiated = false;
        restored = null;
        device.reset();
    }

    /** Tells the front end of an error of the whole device. Any thread. */
    void signalErrors() {
        rings.forEach(ring -> ring.interrupt.error.signal());
    }

    @Override
    public void close() {
        stop();
        rings.forEach(Ring::close);
    }
}
