package jcrosvm.testkit;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Poller;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/** A device that answers each request with what it was given, as far as that fits, at most {@link #MOST} bytes. */
public final class EchoDevice implements VirtioDevice {
    public static final int MOST = 4096;

    /** In which order requests are completed. */
    public enum Order {
        /** Each before the next is taken. */
        STRICT,
        /** All that are available are taken, and completed in any order. */
        SHUFFLED,
        /** As shuffled, and some stay in flight until the thread has done something else. */
        LATE
    }

    private final DeviceTraits traits;
    private final Order order;
    private final QueueWorker worker = new QueueWorker("echo");
    private final EventFd look = new EventFd();
    private final Semaphore looked = new Semaphore(0);
    private final byte[] config;
    private volatile @Nullable Throwable unexpected;
    private volatile long negotiated;

    /** @param features beside the common ones */
    public EchoDevice(Order order, List<Integer> queueSizes, long features) {
        this.order = order;
        config = new byte[64];
        worker.execute(() -> worker.poller().add(look.fd(), Poller.READABLE, events -> {
            look.drain();
            looked.release();
        }));
        traits = new DeviceTraits(42, features, queueSizes, config.length);
    }

    private final class Echo implements QueueHandler {
        private final int index;
        private final Random random = new Random(1);
        private final byte[] bytes = new byte[MOST];
        private final ArrayList<DescriptorChain> held = new ArrayList<>();

        Echo(int index) {
            this.index = index;
        }

        @Override
        public void process(Virtqueue queue) {
            try {
                work(queue);
            } catch (RuntimeException | Error e) {
                if (!(e instanceof DescriptorException)) {
                    unexpected = e;
                }
                throw e;
            }
        }

        private void work(Virtqueue queue) {
            do {
                queue.disableNotifications();
                for (DescriptorChain chain = queue.pop(); chain != null; chain = queue.pop()) {
                    if (order == Order.STRICT) {
                        finish(queue, chain);
                    } else if (random.nextInt(8) == 0) {
                        queue.unpop(chain);
                    } else {
                        held.add(chain);
                    }
                }
                if (order != Order.STRICT) {
                    Collections.shuffle(held, random);
                    finish(queue, order == Order.LATE ? (held.size() + 1) / 2 : held.size());
                }
                queue.flush();
            } while (queue.enableNotifications());
            if (!held.isEmpty()) {
                worker.execute(() -> worker.process(index));
            }
        }

        private void finish(Virtqueue queue, int count) {
            for (int i = 0; i < count; i++) {
                finish(queue, held.removeLast());
            }
        }

        private void finish(Virtqueue queue, DescriptorChain chain) {
            long most = Math.min(chain.readable().remaining(), chain.writable().remaining());
            int length = (int) Math.min(MOST, most);
            chain.readable().get(bytes, 0, length);
            chain.writable().put(bytes, 0, length);
            queue.complete(chain, length);
        }

        @Override
        public void drain(Virtqueue queue) {
            finish(queue, held.size());
        }
    }

    /** What a handler threw that was not the driver's fault, if anything. */
    public @Nullable Throwable unexpected() {
        return unexpected;
    }

    /** The features of the session; 0 when there is none. */
    public long negotiatedFeatures() {
        return negotiated;
    }

    /** The thread that works. */
    public Thread thread() {
        CompletableFuture<Thread> thread = new CompletableFuture<>();
        worker.execute(() -> thread.complete(Thread.currentThread()));
        return thread.join();
    }

    /** Waits until the worker has seen all kicks until now; whether it is alive enough for that. */
    public boolean settle() {
        try {
            // A kick from before is in the same round of polling, maybe after this event; so one round more.
            for (int i = 0; i < 2; i++) {
                look.signal();
                if (!looked.tryAcquire(20, TimeUnit.SECONDS)) {
                    return false;
                }
            }
            return true;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public DeviceTraits traits() {
        return traits;
    }

    @Override
    public void negotiated(long features) {
        negotiated = features;
    }

    @Override
    public synchronized void readConfig(int offset, byte[] into) {
        for (int i = 0; i < into.length && offset + i < config.length; i++) {
            into[i] = config[offset + i];
        }
    }

    @Override
    public synchronized void writeConfig(int offset, byte[] from) {
        for (int i = 0; i < from.length && offset + i < config.length; i++) {
            config[offset + i] = from[i];
        }
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        worker.start(resources, new Echo(index));
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        return worker.stop(index);
    }

    @Override
    public void reset() {
        negotiated = 0;
    }

    @Override
    public synchronized byte[] saveState() {
        return config.clone();
    }

    @Override
    public synchronized void restoreState(byte[] state) {
        System.arraycopy(state, 0, config, 0, config.length);
    }

    @Override
    public void close() {
        worker.close();
        look.close();
    }
}
