package jcrosvm.vhostuser.frontend;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.GuestMemoryException;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.vhostuser.ProtocolException.Cause;
import jcrosvm.vhostuser.ProtocolFeatures;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.vhost.Vhost;
import org.jspecify.annotations.Nullable;

/**
 * What the driver has set up, and how a backend is told: as it happens, and all at once when another backend takes the
 * place of one that is lost. One thread at a time.
 */
final class DriverSetup implements AutoCloseable {
    private static final int ACKNOWLEDGED = 1 | 2; // ACKNOWLEDGE and DRIVER
    private static final int ACCEPTED = ACKNOWLEDGED | 8; // FEATURES_OK
    private static final int RUNNING = ACCEPTED | 4; // DRIVER_OK

    private final @Nullable Companion companion;
    private final boolean isTracked;
    private final EventFd error = new EventFd();
    private final @Nullable QueueResources[] running;
    private final int largestQueue;
    private final Map<Integer, byte[]> written = new LinkedHashMap<>(); // to the configuration space, by offset
    private @Nullable Long features;
    private @Nullable GuestMemory shown;
    private @Nullable InflightMemory notes;
    private boolean started;

    /** @param isTracked whether another backend may take the place of the first */
    DriverSetup(List<Integer> queueSizes, @Nullable Companion companion, boolean isTracked) {
        this.companion = companion;
        this.isTracked = isTracked;
        running = new QueueResources[queueSizes.size()];
        largestQueue = queueSizes.stream().mapToInt(size -> size).max().orElse(0);
    }

    /** Signalled by a backend that cannot go on with a ring. */
    EventFd error() {
        return error;
    }

    void accepted(long accepted) {
        features = accepted;
    }

    void tellFeatures(BackEnd backend) {
        backend.status(ACKNOWLEDGED);
        backend.negotiated(Objects.requireNonNull(features));
        backend.status(ACCEPTED);
    }

    void wrote(int offset, byte[] bytes) {
        if (isTracked) {
            written.remove(offset);
            written.put(offset, bytes);
        }
    }

    void began(QueueResources queue) {
        running[queue.index()] = queue;
    }

    /** @return null when it did not run */
    @Nullable
    QueueResources ended(int index) {
        QueueResources queue = running[index];
        running[index] = null;
        return queue;
    }

    /** Has the backend work on a queue; shows it the memory first, where it has not seen it. */
    @SuppressWarnings("ReferenceEquality") // a machine that took the other's place has memory of its own
    void start(BackEnd backend, QueueResources queue) {
        if (shown != queue.memory()) {
            if (companion != null) {
                companion.show(queue.memory());
            }
            backend.memory(queue.memory());
            shown = queue.memory();
        }
        if (!started && isTracked && backend.has(ProtocolFeatures.INFLIGHT_SHMFD)) {
            if (notes == null) {
                notes = backend.makeNotes(running.length, largestQueue);
            }
            if (notes != null) {
                backend.useNotes(notes);
            }
        }
        backend.start(queue, error);
        if (!started) {
            started = true;
            backend.status(RUNNING);
        }
        queue.kick().signal(); // for what was made available before the backend looked
    }

    /** Tells another backend everything. Queues go on from what their drivers have seen, and from the notes. */
    void repeat(BackEnd backend) {
        shown = null;
        started = false;
        if (features == null) {
            return;
        }
        tellFeatures(backend);
        written.forEach(backend::writeConfig);
        for (QueueResources queue : running) {
            if (queue != null) {
                repeat(backend, queue);
            }
        }
    }

    private void repeat(BackEnd backend, QueueResources queue) {
        if (notes == null && (queue.features() & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0) {
            queue.interrupt().failed(); // where to go on is lost with the backend
            return;
        }
        try {
            start(backend, from(queue, seen(queue)));
            queue.interrupt().signal(); // for what the backend before has completed
        } catch (GuestMemoryException e) {
            queue.interrupt().failed();
        } catch (ProtocolException e) {
            if (e.why() != Cause.REFUSED) {
                throw e;
            }
            queue.interrupt().failed();
        }
    }

    /** How far the driver was told of completions. Of a packed ring only the backend can say that. */
    static QueueState seen(QueueResources queue) {
        if ((queue.features() & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0) {
            return queue.state();
        }
        int used = Vhost.used(queue.layout(), queue.memory());
        return new QueueState(used, used);
    }

    private static QueueResources from(QueueResources queue, QueueState state) {
        return new QueueResources(
                queue.index(),
                queue.layout(),
                state,
                queue.features(),
                queue.memory(),
                queue.kick(),
                queue.interrupt());
    }

    /** The driver has reset the device. */
    void reset() {
        started = false;
        features = null;
        written.clear();
        if (notes != null) {
            notes.close();
            notes = null;
        }
    }

    @Override
    public void close() {
        reset();
        error.close();
    }
}
