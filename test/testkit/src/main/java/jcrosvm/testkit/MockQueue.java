package jcrosvm.testkit;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.Virtqueue;

/** The driver's side of one split queue. Not thread-safe. */
public final class MockQueue {
    private static final int TIMEOUT_SECONDS = 20;

    private final MockDriver driver;
    private final GuestMemory memory;
    private final int index;
    private final int size;
    private final QueueLayout layout;
    private final EventFd kick = new EventFd();
    private final EventFd call = new EventFd();
    private final Semaphore interrupts = new Semaphore(0);
    private final List<Integer> free = new ArrayList<>();
    private final Map<Integer, Request> pending = new HashMap<>();
    private QueueState state = QueueState.SPLIT;
    private int nextAvailable;
    private int nextUsed;

    /** A buffer of a request. */
    public record Buffer(long address, int length, boolean writable) {}

    private record Request(List<Integer> descriptors, List<Buffer> buffers) {}

    /**
     * A request that came back.
     *
     * @param written as the device says
     * @param buffers as submitted
     */
    public record Completion(int id, int written, List<Buffer> buffers) {}

    MockQueue(MockDriver driver, int index, int size) {
        this.driver = driver;
        this.index = index;
        this.size = size;
        memory = driver.memory();
        layout = new QueueLayout(
                size,
                driver.allocate(16L * size, 16),
                driver.allocate(6 + 2L * size, 2),
                driver.allocate(6 + 8L * size, 4));
        for (int i = size; i-- > 0; ) {
            free.add(i);
        }
    }

    public QueueLayout layout() {
        return layout;
    }

    Semaphore interrupts() {
        return interrupts;
    }

    EventFd callEvent() {
        return call;
    }

    void start() {
        Virtqueue queue = Virtqueue.of(memory, index, layout, driver.features(), state, driver.interrupt());
        driver.device()
                .startQueue(
                        index, new QueueResources(layout, state, driver.features(), queue, kick, driver.interrupt()));
    }

    /** Stops the queue in the device. */
    public void stop() {
        QueueState stopped = driver.device().stopQueue(index);
        if (stopped != null) {
            state = stopped;
        }
    }

    /** Starts the stopped queue again where it was. */
    public void restart() {
        start();
    }

    /** A buffer with this content for the device to read. */
    public Buffer readable(byte[] content) {
        long at = driver.allocate(Math.max(1, content.length), 16);
        memory.write(at, content);
        return new Buffer(at, content.length, false);
    }

    /** A buffer for the device to write. */
    public Buffer writable(int length) {
        return new Buffer(driver.allocate(Math.max(1, length), 16), length, true);
    }

    /** Makes a request available, without a kick; its id. */
    public int submit(Buffer... buffers) {
        List<Integer> taken = new ArrayList<>();
        for (int i = 0; i < buffers.length; i++) {
            taken.add(free.removeLast());
        }
        for (int i = 0; i < buffers.length; i++) {
            boolean last = i == buffers.length - 1;
            int flags = (last ? 0 : 1) | (buffers[i].writable ? 2 : 0);
            descriptor(taken.get(i), buffers[i].address, buffers[i].length, flags, last ? 0 : taken.get(i + 1));
        }
        int head = taken.getFirst();
        pending.put(head, new Request(taken, List.of(buffers)));
        available(head);
        return head;
    }

    /** Writes an entry of the descriptor table, whatever it says. */
    public void descriptor(int at, long address, int length, int flags, int next) {
        long entry = layout.descriptors() + 16L * at;
        memory.putLong(entry, address);
        memory.putInt(entry + 8, length);
        memory.putShort(entry + 12, (short) flags);
        memory.putShort(entry + 14, (short) next);
    }

    /** Puts a head into the available ring, whatever it is. */
    public void available(int head) {
        memory.putShort(layout.driver() + 4 + 2L * (nextAvailable & size - 1), (short) head);
        nextAvailable = nextAvailable + 1 & 0xffff;
        memory.storeReleaseShort(layout.driver() + 2, (short) nextAvailable);
    }

    public void kick() {
        kick.signal();
    }

    /** What has come back, in order; empty when nothing has. */
    public List<Completion> poll() {
        List<Completion> done = new ArrayList<>();
        int used = memory.loadAcquireShort(layout.device() + 2) & 0xffff;
        while (nextUsed != used) {
            long entry = layout.device() + 4 + 8L * (nextUsed & size - 1);
            int id = memory.getInt(entry);
            Request request = pending.remove(id);
            if (request == null) {
                throw new AssertionError("the device completed " + id + ", which it was not given");
            }
            free.addAll(request.descriptors.reversed());
            done.add(new Completion(id, memory.getInt(entry + 4), request.buffers));
            nextUsed = nextUsed + 1 & 0xffff;
        }
        if ((driver.features() & VirtioFeatures.VIRTIO_F_EVENT_IDX) != 0) {
            memory.putShort(layout.driver() + 4 + 2L * size, (short) nextUsed); // interrupt me for the next one
        }
        return done;
    }

    /** Waits for something to come back. */
    public List<Completion> await() {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
        while (true) {
            List<Completion> done = poll();
            if (!done.isEmpty()) {
                return done;
            }
            try {
                // An interrupt may have come between our look and the event index: so look again now and then.
                boolean ignored = interrupts.tryAcquire(10, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            if (System.nanoTime() > deadline || driver.failed()) {
                throw new AssertionError("nothing came back" + (driver.failed() ? ": the device failed" : ""));
            }
        }
    }

    /** Submits, kicks and waits for one request alone. */
    public Completion perform(Buffer... buffers) {
        submit(buffers);
        kick();
        return await().getFirst();
    }

    /** Content of a buffer. */
    public byte[] content(Buffer buffer) {
        return memory.read(buffer.address, buffer.length);
    }
}
