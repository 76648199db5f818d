package jcrosvm.testkit;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Poller;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioFeatures;

/** The driver's side of one queue, split or packed as the features say. Not thread-safe. */
public final class MockQueue {
    static final int TIMEOUT_SECONDS = 20;

    private final MockDriver driver;
    private final GuestMemory memory;
    private final int index;
    private final QueueLayout layout;
    private final DriverRing ring;
    private final EventFd kick = new EventFd();
    private final EventFd call = new EventFd();
    private final AtomicLong interrupts = new AtomicLong();
    private final Map<Integer, Request> pending = new HashMap<>();
    private QueueState state;

    /** A buffer of a request. */
    public record Buffer(long address, int length, boolean writable) {}

    private record Request(List<Buffer> buffers, long table) {}

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
        memory = driver.memory();
        boolean packed = has(VirtioFeatures.VIRTIO_F_RING_PACKED);
        layout = new QueueLayout(
                size,
                driver.allocateZeroed(16L * size, 16),
                driver.allocateZeroed(packed ? 4 : 6 + 2L * size, 4),
                driver.allocateZeroed(packed ? 4 : 6 + 8L * size, 4));
        boolean eventIdx = has(VirtioFeatures.VIRTIO_F_EVENT_IDX);
        ring = packed ? new PackedDriverRing(memory, layout, eventIdx) : new SplitDriverRing(memory, layout, eventIdx);
        state = ring.initialState();
        ring.enableInterrupts();
    }

    private boolean has(long feature) {
        return (driver.features() & feature) != 0;
    }

    public QueueLayout layout() {
        return layout;
    }

    /** Where the queue stood when it was stopped last. */
    public QueueState state() {
        return state;
    }

    /** Descriptors that can be used now. */
    public int room() {
        return ring.room();
    }

    /** Requests that have not come back. */
    public int inFlight() {
        return pending.size();
    }

    /** How many interrupts the device has sent through {@code Interrupt.signal}. */
    public long interrupts() {
        return interrupts.get();
    }

    EventFd callEvent() {
        return call;
    }

    private final class Call implements Interrupt {
        @Override
        public void signal() {
            interrupts.incrementAndGet();
            call.signal();
        }

        @Override
        public void failed() {
            driver.fail();
        }

        @Override
        public EventFd callEvent() {
            return call;
        }
    }

    void start() {
        driver.device()
                .startQueue(
                        index, new QueueResources(index, layout, state, driver.features(), memory, kick, new Call()));
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

    /** Gives back the memory of buffers made by this queue; nothing may use it any more. */
    public void free(Buffer... buffers) {
        for (Buffer buffer : buffers) {
            driver.free(buffer.address);
        }
    }

    /** Gives back the memory of a request's buffers. */
    public void free(Completion completion) {
        free(completion.buffers.toArray(Buffer[]::new));
    }

    /** Makes a request available, without a kick; its id. Needs {@link #room} for every buffer. */
    public int submit(Buffer... buffers) {
        List<Buffer> all = List.of(buffers);
        needRoom(all.size());
        int id = ring.submit(all, 0);
        pending.put(id, new Request(all, 0));
        return id;
    }

    /** As {@link #submit} with one descriptor of the ring and an indirect table. */
    public int submitIndirect(Buffer... buffers) {
        if (!has(VirtioFeatures.VIRTIO_F_INDIRECT_DESC)) {
            throw new IllegalStateException("VIRTIO_F_INDIRECT_DESC was not negotiated");
        }
        needRoom(1);
        List<Buffer> all = List.of(buffers);
        long table = driver.allocate(16L * all.size(), 16);
        int length = ring.writeTable(table, all);
        int id = ring.submit(List.of(new Buffer(table, length, false)), DriverRing.INDIRECT);
        pending.put(id, new Request(all, table));
        return id;
    }

    private void needRoom(int descriptors) {
        if (descriptors == 0 || descriptors > ring.room()) {
            throw new IllegalStateException(descriptors + " descriptors where " + ring.room() + " are free");
        }
    }

    /** Writes an entry of the descriptor table, or of the packed ring where {@code next} is the id, whatever it says. */
    public void descriptor(int at, long address, int length, int flags, int next) {
        ring.descriptor(layout.descriptors() + 16L * at, address, length, flags, next);
    }

    /** Puts a head into the available ring of a split queue, whatever it is. */
    public void available(int head) {
        if (!(ring instanceof SplitDriverRing split)) {
            throw new IllegalStateException("a packed ring has no available ring");
        }
        split.available(head);
    }

    /** Kicks, wanted or not. */
    public void kick() {
        kick.signal();
    }

    /** Kicks if the device asked for it, as a driver does; whether it did. */
    public boolean kickIfWanted() {
        boolean wanted = ring.kickWanted();
        if (wanted) {
            kick();
        }
        return wanted;
    }

    /** Tells the device that interrupts are not wanted, until the next {@link #poll} or {@link #await}. */
    public void disableInterrupts() {
        ring.disableInterrupts();
    }

    /** What has come back, in order; empty when nothing has. The device interrupts for what comes after. */
    public List<Completion> poll() {
        List<Completion> done = new ArrayList<>();
        boolean enabled = false;
        while (true) {
            int before = done.size();
            for (DriverRing.Used used = ring.take(); used != null; used = ring.take()) {
                Request request = Objects.requireNonNull(pending.remove(used.id()));
                if (request.table != 0) {
                    driver.free(request.table);
                }
                done.add(new Completion(used.id(), used.written(), request.buffers));
            }
            if (enabled && done.size() == before) {
                return done;
            }
            ring.enableInterrupts(); // something may have come before the device saw this: look once more
            enabled = true;
        }
    }

    /** Waits for something to come back. Fails when it does without an interrupt. */
    public List<Completion> await() {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
        while (true) {
            List<Completion> done = poll();
            if (!done.isEmpty()) {
                return done;
            }
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (driver.failed() || left <= 0) {
                throw new AssertionError("nothing came back" + (driver.failed() ? ": the device failed" : ""));
            }
            if (Poller.await(call.fd(), Poller.READABLE, (int) left) != 0) {
                call.drain();
            } else if (System.nanoTime() >= deadline && !poll().isEmpty()) {
                throw new AssertionError("something came back without an interrupt");
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

    /** Gives the ring back; the device must not work on it any more. */
    void close() {
        driver.free(layout.descriptors());
        driver.free(layout.driver());
        driver.free(layout.device());
        kick.close();
        call.close();
    }
}
