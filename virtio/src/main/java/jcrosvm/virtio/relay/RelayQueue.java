package jcrosvm.virtio.relay;

import java.util.ArrayDeque;
import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/** Moves the requests of one queue between the driver's ring and the backend's. */
final class RelayQueue implements QueueHandler, AutoCloseable {
    private final ShadowRing ring;
    private final QueueResources backend;
    /** What the backend has, in the order in which it was taken from the driver. */
    private final ArrayDeque<DescriptorChain> order;

    private volatile @Nullable QueueState backendStopped = QueueState.SPLIT;

    /**
     * @param driver what the transport gave
     * @param memory that the backend sees
     * @param address of the ring in it
     */
    RelayQueue(QueueResources driver, GuestMemory memory, long address) {
        int size = size(driver.layout().size());
        boolean indirect = (driver.features() & VirtioFeatures.VIRTIO_F_INDIRECT_DESC) != 0;
        memory.fill(address, ShadowRing.bytes(size), (byte) 0);
        ring = new ShadowRing(memory, address, size, indirect);
        order = new ArrayDeque<>(size);
        backend = new QueueResources(
                driver.index(),
                ring.layout(),
                QueueState.SPLIT,
                RelayDevice.backendFeatures(driver.features()),
                memory,
                new EventFd(),
                new Call(driver.interrupt()));
    }

    /** Entries of the ring for a driver's ring of {@code entries}, which a packed one can have any number of. */
    static int size(int entries) {
        return entries <= 1 ? 1 : Integer.highestOneBit(entries - 1) << 1;
    }

    /** What the backend gets. */
    QueueResources backend() {
        return backend;
    }

    EventFd call() {
        return backend.interrupt().callEvent();
    }

    @Override
    public void process(Virtqueue queue) {
        boolean fits;
        do {
            queue.disableNotifications();
            reap(queue);
            fits = forward(queue);
            if (ring.publish()) {
                backend.kick().signal();
            }
            queue.flush();
        } while (fits && queue.enableNotifications());
    }

    /** Gives the backend what fits; false if something is left, which the next completion makes room for. */
    private boolean forward(Virtqueue queue) {
        for (DescriptorChain request = queue.pop(); request != null; request = queue.pop()) {
            if (ring.add(request)) {
                order.addLast(request);
            } else {
                queue.unpop(request);
                return false;
            }
        }
        return true;
    }

    private void reap(Virtqueue queue) {
        for (DescriptorChain request = ring.take(); request != null; request = ring.take()) {
            // All of it, whatever the backend says: the memory must not be told of less than was written.
            request.markWritten();
            order.remove(request);
            queue.complete(request, ring.written());
        }
    }

    /** Says where the backend has stopped, before {@link #drain}; null when it is gone. */
    void stopped(@Nullable QueueState state) {
        backendStopped = state;
    }

    /** What the backend did not take is the driver's again. */
    @Override
    public void drain(Virtqueue queue) {
        reap(queue);
        QueueState stopped = backendStopped;
        int untaken = stopped == null ? order.size() : ring.behind(stopped.available());
        if (order.size() != untaken) {
            throw new DescriptorException("queue " + queue.index() + ": the backend has stopped with " + order.size()
                    + " requests not completed, of which it says to have left " + untaken + " alone");
        }
        while (!order.isEmpty()) {
            queue.unpop(order.removeLast());
        }
    }

    @Override
    public void close() {
        backend.kick().close();
        call().close();
    }

    /** Reaches this process, not the driver. */
    private record Call(Interrupt driver, EventFd callEvent) implements Interrupt {
        Call(Interrupt driver) {
            this(driver, new EventFd());
        }

        @Override
        public void signal() {
            callEvent.signal();
        }

        @Override
        public void failed() {
            driver.failed();
        }
    }
}
