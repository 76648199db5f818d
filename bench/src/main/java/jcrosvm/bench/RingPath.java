package jcrosvm.bench;

import java.lang.invoke.VarHandle;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.Virtqueue;

/**
 * What a virtqueue costs a device that does nothing: {@code RingPath MILLIS}. First the ring alone, on one thread, timed
 * on the device's side only; then with a worker thread, kicks and interrupts in between.
 */
final class RingPath implements Interrupt {
    private static final int ROUNDS = 7;

    private final GuestMemory memory = GuestMemory.ofSize(8 << 20);
    private final long features;
    private final RingDriver driver;
    private final Virtqueue queue;
    private final QueueState start;
    private final com.sun.management.ThreadMXBean threads =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    private volatile int interrupts;

    private RingPath(long features) {
        this.features = features;
        driver = new RingDriver(memory, features);
        start = (features & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0 ? QueueState.PACKED : QueueState.SPLIT;
        queue = Virtqueue.of(memory, 0, driver.layout, features, start, this);
    }

    public static void main(String[] args) {
        int millis = Integer.parseInt(args[0]);
        System.out.println("requests of 3 buffers; median of " + ROUNDS + " rounds of " + millis + " ms");
        for (long layout : new long[] {0, VirtioFeatures.VIRTIO_F_RING_PACKED}) {
            for (long indirect : new long[] {0, VirtioFeatures.VIRTIO_F_INDIRECT_DESC}) {
                long features =
                        VirtioFeatures.VIRTIO_F_VERSION_1 | VirtioFeatures.VIRTIO_F_EVENT_IDX | layout | indirect;
                String name = (layout == 0 ? "split" : "packed") + (indirect == 0 ? " direct" : " indirect");
                new RingPath(features).alone(name, millis);
                for (int depth : new int[] {1, 32}) {
                    new RingPath(features).withWorker(name, depth, millis);
                }
            }
        }
    }

    private void process(Virtqueue ring) {
        do {
            ring.disableNotifications();
            for (DescriptorChain chain = ring.pop(); chain != null; chain = ring.pop()) {
                if (chain.readable().getInt() != 0) {
                    throw new IllegalStateException("not what the driver wrote");
                }
                chain.writable().skip(chain.writable().remaining() - 1);
                chain.writable().putByte(0);
                ring.complete(chain, 4097);
            }
            ring.flush();
        } while (ring.enableNotifications());
    }

    private static double median(List<Double> values) {
        Collections.sort(values);
        return values.get(values.size() / 2);
    }

    private void alone(String name, int millis) {
        List<Double> nanos = new ArrayList<>();
        double bytes = Double.MAX_VALUE;
        for (int round = 0; round < ROUNDS + 2; round++) { // two to warm up
            long end = System.nanoTime() + millis * 1_000_000L;
            long spent = 0;
            long requests = 0;
            long allocated = threads.getCurrentThreadAllocatedBytes();
            for (long now = System.nanoTime(); now < end; ) {
                driver.offer(driver.most());
                driver.wantInterrupt(true);
                long before = System.nanoTime();
                process(queue);
                now = System.nanoTime();
                spent += now - before;
                requests += check(driver.take());
            }
            if (round >= 2) {
                nanos.add((double) spent / requests);
                bytes = Math.min(bytes, (double) (threads.getCurrentThreadAllocatedBytes() - allocated) / requests);
            }
        }
        double ns = median(nanos);
        System.out.printf(
                "%-15s ring alone:           %6.1f ns/request, %6.2f M requests/s, %.2f bytes allocated/request%n",
                name, ns, 1e3 / ns, bytes);
    }

    private int check(int taken) {
        if (taken != driver.most()) {
            throw new IllegalStateException(taken + " requests came back");
        }
        return taken;
    }

    private void withWorker(String name, int depth, int millis) {
        List<Double> rates = new ArrayList<>();
        double bytes = Double.MAX_VALUE;
        try (QueueWorker worker = new QueueWorker("ring");
                EventFd kick = new EventFd()) {
            CompletableFuture<Long> thread = new CompletableFuture<>();
            worker.execute(() -> thread.complete(Thread.currentThread().threadId()));
            long id = thread.join();
            worker.start(new QueueResources(0, driver.layout, start, features, memory, kick, this), this::process);
            for (int round = 0; round < ROUNDS + 2; round++) {
                long begin = System.nanoTime();
                long end = begin + millis * 1_000_000L;
                long requests = 0;
                long allocated = threads.getThreadAllocatedBytes(id);
                while (System.nanoTime() < end) {
                    driver.offer(depth);
                    kick.signal();
                    for (int back = 0; back < depth; ) {
                        back += waitForSome();
                    }
                    requests += depth;
                }
                if (round >= 2) {
                    rates.add(requests * 1e9 / (System.nanoTime() - begin));
                    bytes = Math.min(bytes, (double) (threads.getThreadAllocatedBytes(id) - allocated) / requests);
                }
            }
            worker.stop(0);
        }
        double rate = median(rates);
        System.out.printf(
                "%-15s worker, %2d at a time: %7.0f ns/request, %6.3f M requests/s, %.2f bytes allocated/request%n",
                name, depth, 1e9 / rate, rate / 1e6, bytes);
    }

    private int waitForSome() {
        while (true) {
            int before = interrupts;
            driver.wantInterrupt(true);
            VarHandle.fullFence();
            int taken = driver.take();
            if (taken > 0) {
                return taken;
            }
            while (interrupts == before) {
                Thread.yield(); // the processor may be needed by the worker
            }
        }
    }

    @Override
    @SuppressWarnings("NonAtomicVolatileUpdate") // the worker alone writes it
    public void signal() {
        interrupts++;
    }

    @Override
    public void failed() {
        throw new IllegalStateException("the ring is bad");
    }

    @Override
    public EventFd callEvent() {
        throw new IllegalStateException("no events were asked for");
    }
}
