package jcrosvm.virtio.relay;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.SharedMemory;
import jcrosvm.config.Value;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import org.jspecify.annotations.Nullable;

/**
 * A device whose backend, another process or the kernel, writes guest memory without telling this process. It gets rings of
 * this object's own, split ones without VIRTIO_F_EVENT_IDX, in a region that it sees beside the guest's memory. Completed
 * requests are moved to the driver's rings when the memory's write listeners have been told of their buffers.
 *
 * <p>Regions that are added to the guest's memory while queues run are not seen by the backend.
 */
public final class RelayDevice implements VirtioDevice {
    /** Guest physical address of the rings: above all that a processor can address. */
    private static final long RINGS = 1L << 52;

    private static final long DRIVER_ONLY = VirtioFeatures.VIRTIO_F_RING_PACKED
            | VirtioFeatures.VIRTIO_F_EVENT_IDX
            | VirtioFeatures.VIRTIO_F_IN_ORDER
            | VirtioFeatures.VIRTIO_F_ACCESS_PLATFORM;

    private final VirtioDevice device;
    private final DeviceTraits traits;
    private final QueueWorker worker;
    private final @Nullable RelayQueue[] queues;
    private @Nullable GuestMemory shown;
    private @Nullable GuestMemory backendMemory;

    /**
     * @param name of the thread
     * @param device in front of the backend; closed with this one
     */
    public RelayDevice(String name, VirtioDevice device) {
        this.device = device;
        traits = device.traits();
        worker = new QueueWorker(name);
        queues = new RelayQueue[traits.queueSizes().size()];
    }

    static long backendFeatures(long driverFeatures) {
        return driverFeatures & ~DRIVER_ONLY;
    }

    @Override
    public DeviceTraits traits() {
        return traits;
    }

    @Override
    public void attach(DeviceHost host) {
        device.attach(host);
    }

    @Override
    public void negotiated(long features) {
        device.negotiated(backendFeatures(features));
    }

    @Override
    public void readConfig(int offset, byte[] into) {
        device.readConfig(offset, into);
    }

    @Override
    public void writeConfig(int offset, byte[] from) {
        device.writeConfig(offset, from);
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        RelayQueue queue = new RelayQueue(resources, backendMemory(resources.memory()), address(index));
        try {
            worker.start(resources, queue);
        } catch (RuntimeException e) {
            queue.close();
            throw e;
        }
        worker.execute(() -> worker.poller().add(queue.call().fd(), Poller.READABLE, events -> {
            queue.call().drain();
            worker.process(index);
        }));
        queues[index] = queue;
        try {
            device.startQueue(index, queue.backend());
        } catch (RuntimeException e) {
            stop(index, queue, QueueState.SPLIT);
            throw e;
        }
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        RelayQueue queue = queues[index];
        if (queue == null) {
            return null;
        }
        return stop(index, queue, device.stopQueue(index));
    }

    private @Nullable QueueState stop(int index, RelayQueue queue, @Nullable QueueState backend) {
        queue.stopped(backend);
        QueueState state = worker.stop(index);
        queues[index] = null;
        worker.execute(() -> {
            worker.poller().remove(queue.call().fd());
            queue.close();
        });
        return state;
    }

    private long address(int index) {
        long address = RINGS;
        for (int i = 0; i < index; i++) {
            address += ShadowRing.bytes(traits.queueSizes().get(i));
        }
        return address;
    }

    /** The guest's memory and the rings. */
    private GuestMemory backendMemory(GuestMemory guest) {
        GuestMemory known = backendMemory;
        if (known == null || shown != guest) {
            if (known != null) {
                known.close();
            }
            List<MemoryRegion> regions = new ArrayList<>();
            for (MemoryRegion region : guest.regions()) {
                regions.add(new MemoryRegion(
                        region.address(), region.size(), region.fd().duplicate(), region.offset()));
            }
            long length = address(queues.length) - RINGS;
            regions.add(new MemoryRegion(
                    RINGS, length, SharedMemory.create("jcrosvm-relay", length).fd(), 0));
            known = GuestMemory.of(regions);
            backendMemory = known;
            shown = guest;
        }
        return known;
    }

    @Override
    public void reset() {
        device.reset();
    }

    @Override
    public byte[] saveState() {
        return device.saveState();
    }

    @Override
    public void restoreState(byte[] state) {
        device.restoreState(state);
    }

    @Override
    public CompletionStage<Value> command(String verb, Value body) {
        return device.command(verb, body);
    }

    @Override
    public void close() {
        device.close();
        worker.close();
        GuestMemory memory = backendMemory;
        if (memory != null) {
            memory.close();
        }
    }
}
