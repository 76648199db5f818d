package jcrosvm.testkit;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.VirtioDevice;

/** A driver of one device, without a guest: sets its queues up in memory of its own. */
public final class MockDriver implements AutoCloseable {
    private static final long MEMORY = 64 << 20;

    private final VirtioDevice device;
    private final long features;
    private final GuestMemory memory = GuestMemory.ofSize(MEMORY);
    private final Map<Integer, MockQueue> queues = new HashMap<>();
    private final Semaphore configChanges = new Semaphore(0);
    private final AtomicBoolean failed = new AtomicBoolean();
    private long nextFree = 0x1000;

    /** @param features to negotiate, device's and common ones */
    public MockDriver(VirtioDevice device, long features) {
        this.device = device;
        this.features = features;
        device.negotiated(features);
    }

    public GuestMemory memory() {
        return memory;
    }

    public long features() {
        return features;
    }

    public VirtioDevice device() {
        return device;
    }

    /** Guest memory that nobody else uses. */
    public long allocate(long length, long alignment) {
        long at = nextFree + alignment - 1 & -alignment;
        nextFree = at + length;
        if (nextFree > MEMORY) {
            throw new IllegalStateException("the mock driver's memory is used up");
        }
        return at;
    }

    /** Sets a queue up and starts it. */
    public MockQueue start(int index, int size) {
        MockQueue queue = new MockQueue(this, index, size);
        queues.put(index, queue);
        queue.start();
        return queue;
    }

    private MockQueue queue(int index) {
        return Objects.requireNonNull(queues.get(index), () -> "queue " + index + " was never started");
    }

    /** Configuration space from its beginning. */
    public byte[] config() {
        byte[] bytes = new byte[device.traits().configLength()];
        device.readConfig(0, bytes);
        return bytes;
    }

    /** Counts what {@code Interrupt.signalConfig} was called. */
    public Semaphore configChanges() {
        return configChanges;
    }

    /** Whether the device asked to be reset. */
    public boolean failed() {
        return failed.get();
    }

    Interrupt interrupt() {
        return new Interrupt() {
            @Override
            public void signalUsed(int queue) {
                queue(queue).interrupts().release();
            }

            @Override
            public void signalConfig() {
                configChanges.release();
            }

            @Override
            public void signalFailed() {
                failed.set(true);
                queues.values().forEach(queue -> queue.interrupts().release());
            }

            @Override
            public EventFd callEvent(int queue) {
                return queue(queue).callEvent();
            }
        };
    }

    /** Stops all queues, resets the device and closes it. */
    @Override
    public void close() {
        queues.values().forEach(MockQueue::stop);
        device.reset();
        device.close();
        memory.close();
    }
}
