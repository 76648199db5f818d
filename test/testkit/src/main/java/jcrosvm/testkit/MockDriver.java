package jcrosvm.testkit;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.VmmException;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.SharedMemoryWindow;
import jcrosvm.virtio.VirtioDevice;

/** A driver of one device, without a guest: sets its queues up in memory of its own. */
public final class MockDriver implements AutoCloseable {
    private static final long MEMORY = 64 << 20;

    /** Where the device is; its tests run in both. */
    public enum Host {
        /** In the driver's own process, called by it. */
        LOCAL,
        /** In another thread, behind a vhost-user connection. */
        LOOPBACK;

        /** What the driver's side hears of a state that the device refuses to take over with this message. */
        public String refusedState(String message) {
            return this == LOCAL ? message : "the backend of loopback refused its state (1)";
        }
    }

    private final VirtioDevice device;
    private final long features;
    private final GuestMemory memory;
    private final Allocator allocator;
    private final Map<Integer, MockQueue> queues = new ConcurrentHashMap<>();
    private final Semaphore configChanges = new Semaphore(0);
    private final AtomicBoolean failed = new AtomicBoolean();
    private final CountDownLatch failure = new CountDownLatch(1);

    /** @param features to negotiate, device's and common ones */
    public MockDriver(VirtioDevice device, long features) {
        this(Host.LOCAL, device, features);
    }

    /** @param features to negotiate, device's and common ones */
    public MockDriver(Host host, VirtioDevice device, long features) {
        this(host, device, features, GuestMemory.ofSize(MEMORY));
    }

    /** @param memory its first region is the driver's; closed with it */
    public MockDriver(VirtioDevice device, long features, GuestMemory memory) {
        this(Host.LOCAL, device, features, memory);
    }

    /** @param memory its first region is the driver's; closed with it */
    public MockDriver(Host host, VirtioDevice device, long features, GuestMemory memory) {
        this.device = host == Host.LOCAL ? device : Loopback.of(device);
        this.features = features;
        this.memory = memory;
        allocator = new Allocator(
                memory.regions().getFirst().address() + 0x1000,
                memory.regions().getFirst().end());
        this.device.attach(new Link());
        this.device.negotiated(features);
    }

    public GuestMemory memory() {
        return memory;
    }

    public long features() {
        return features;
    }

    /** The device as its driver sees it: in its host. */
    public VirtioDevice device() {
        return device;
    }

    /** Guest memory that nothing else uses. Its content is whatever was there. */
    public long allocate(long length, long alignment) {
        return allocator.allocate(length, alignment);
    }

    long allocateZeroed(long length, long alignment) {
        long at = allocate(length, alignment);
        memory.fill(at, length, (byte) 0);
        return at;
    }

    /** Gives back what {@link #allocate} gave. */
    public void free(long address) {
        allocator.free(address);
    }

    /** Sets a queue up and starts it. */
    public MockQueue start(int index, int size) {
        MockQueue queue = new MockQueue(this, index, size);
        MockQueue before = queues.put(index, queue);
        if (before != null) {
            before.close();
        }
        queue.start();
        return queue;
    }

    /** Configuration space from its beginning. */
    public byte[] config() {
        byte[] bytes = new byte[device.traits().configLength()];
        device.readConfig(0, bytes);
        return bytes;
    }

    /** Counts what {@code DeviceHost.configChanged} was called. */
    public Semaphore configChanges() {
        return configChanges;
    }

    /** Whether the device asks to be reset, now or in a while. */
    public boolean awaitFailure() throws InterruptedException {
        return failure.await(MockQueue.TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }

    /** Whether the device asked to be reset. */
    public boolean failed() {
        return failed.get();
    }

    private final class Link implements DeviceHost {
        @Override
        public void lost(String reason) {
            fail();
        }

        @Override
        public void configChanged() {
            configChanges.release();
        }

        @Override
        public void failed() {
            fail();
        }

        @Override
        public SharedMemoryWindow sharedMemory(int id) {
            throw new VmmException("the mock driver has no shared memory region " + id);
        }
    }

    void fail() {
        failed.set(true);
        failure.countDown();
        queues.values().forEach(queue -> queue.callEvent().signal());
    }

    /** Stops all queues and resets the device, as a driver that begins anew; what was in flight is lost. */
    public void reset() {
        queues.values().forEach(MockQueue::stop);
        device.reset();
        queues.values().forEach(MockQueue::close);
        queues.clear();
        failed.set(false);
        device.negotiated(features);
    }

    /** Stops all queues, resets the device and closes it. */
    @Override
    public void close() {
        queues.values().forEach(MockQueue::stop);
        device.reset();
        device.close();
        queues.values().forEach(MockQueue::close);
        memory.close();
    }
}
