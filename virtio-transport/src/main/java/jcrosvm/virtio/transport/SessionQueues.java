package jcrosvm.virtio.transport;

import java.util.List;
import java.util.stream.Stream;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioFeatures;

/** The queues of a {@link DeviceSession}; guarded by the session's lock. */
final class SessionQueues {
    private final QueueRegisters[] queues;
    private final GuestMemory memory;
    private final SessionHost host;

    SessionQueues(List<Integer> sizes, GuestMemory memory, SessionHost host) {
        queues = sizes.stream().map(QueueRegisters::new).toArray(QueueRegisters[]::new);
        this.memory = memory;
        this.host = host;
    }

    int count() {
        return queues.length;
    }

    boolean exists(int queue) {
        return queue >= 0 && queue < queues.length;
    }

    QueueRegisters get(int queue) {
        return queues[queue];
    }

    /** What the device gets of a queue as its registers are now. */
    QueueResources resources(int index, long features) {
        return resources(index, queues[index].saved(), features);
    }

    /**
     * What the device would get of a queue with these registers.
     *
     * @throws DescriptorException when there can be no such queue
     */
    QueueResources resources(int index, QueueRegistersState registers, long features) {
        QueueRegisters queue = queues[index];
        if (registers.size() < 1 || registers.size() > queue.maxSize) {
            throw new DescriptorException(
                    "queue %d: size %d is not 1 to %d".formatted(index, registers.size(), queue.maxSize));
        }
        boolean packed = (features & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0;
        QueueState from = registers.position().orElse(packed ? QueueState.PACKED : QueueState.SPLIT);
        QueueResources resources = new QueueResources(
                index, registers.layout(), from, features, memory, queue.kick, host.interrupt(index));
        resources.open(); // looks at the ring before any queue starts
        return resources;
    }

    /** As after a reset; none is running. */
    void clear() {
        for (QueueRegisters queue : queues) {
            queue.clear();
            queue.kick.drain();
        }
    }

    List<QueueRegistersState> saved() {
        return Stream.of(queues).map(QueueRegisters::saved).toList();
    }

    /** Kicks all queues too: a kick for the saved one may not have been seen. */
    void restore(List<QueueRegistersState> saved) {
        for (int i = 0; i < queues.length; i++) {
            queues[i].restore(saved.get(i));
            queues[i].kick.signal();
        }
    }

    void close() {
        for (QueueRegisters queue : queues) {
            queue.kick.close();
        }
    }
}
