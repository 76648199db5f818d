package jcrosvm.devices.balloon;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.TimerFd;
import jcrosvm.config.Value;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.ConfigBytes;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.Reader;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.Virtqueue;
import jcrosvm.virtio.Writer;
import org.jspecify.annotations.Nullable;

/** A balloon: one thread for its queues. */
final class BalloonDevice implements VirtioDevice {
    static final long VIRTIO_BALLOON_F_MUST_TELL_HOST = 1;
    static final long VIRTIO_BALLOON_F_STATS_VQ = 1 << 1;
    static final long VIRTIO_BALLOON_F_DEFLATE_ON_OOM = 1 << 2;
    static final long VIRTIO_BALLOON_F_PAGE_REPORTING = 1 << 5;

    private static final int TYPE = 5;
    private static final int CONFIG_LENGTH = 8;
    private static final int NUM_PAGES = 0;
    private static final int ACTUAL = 4;
    private static final int QUEUE_SIZE = 128;
    /** A driver sends a page of numbers at a time; what is much longer only keeps the worker busy. */
    private static final long MAX_REQUEST = 1 << 20;

    private static final int READ = 512;
    private static final long SECOND = 1_000_000_000L;
    private static final long ADJUST_SECONDS = 60;
    private static final long STATS_SECONDS = 10;

    private final DeviceTraits traits;
    private final int maxPages;
    private final BalloonSize size;
    private final BalloonStats stats;
    private final PageRelease release = new PageRelease();
    private final byte[] numbers = new byte[READ];
    private final ByteBuffer frames = ByteBuffer.wrap(numbers).order(ByteOrder.LITTLE_ENDIAN);
    private final TimerFd adjustTimer = new TimerFd();
    private final TimerFd statsTimer = new TimerFd();
    private long features;
    private final QueueWorker worker = new QueueWorker("balloon");
    private volatile DeviceHost host = DeviceHost.NONE;
    private volatile boolean driven; // the inflate queue works
    private volatile @Nullable Virtqueue statsQueue;

    /**
     * @param memorySize bytes of the guest
     * @param target bytes that it shall do without
     */
    BalloonDevice(BalloonConfig config, long memorySize, long target) {
        List<Integer> queues = new ArrayList<>(List.of(QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE));
        long offered = VIRTIO_BALLOON_F_MUST_TELL_HOST | VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_DEFLATE_ON_OOM;
        if (config.pageReporting()) {
            offered |= VIRTIO_BALLOON_F_PAGE_REPORTING;
            queues.add(QUEUE_SIZE);
        }
        traits = new DeviceTraits(TYPE, offered, queues, CONFIG_LENGTH);
        maxPages = (int) Math.min(memorySize >> PageRelease.PAGE_SHIFT, Integer.MAX_VALUE);
        size = new BalloonSize(pages(target));
        stats = new BalloonStats(size);
        watch(worker.poller());
    }

    private int pages(long bytes) {
        return (int) Math.min(bytes >> PageRelease.PAGE_SHIFT, maxPages);
    }

    @Override
    public DeviceTraits traits() {
        return traits;
    }

    @Override
    public void attach(DeviceHost newHost) {
        host = newHost;
    }

    @Override
    public void negotiated(long accepted) {
        features = accepted;
    }

    @Override
    public void readConfig(int offset, byte[] into) {
        new ConfigBytes(CONFIG_LENGTH)
                .putInt(NUM_PAGES, size.target())
                .putInt(ACTUAL, size.actual())
                .read(offset, into);
    }

    @Override
    public void writeConfig(int offset, byte[] from) {
        if (offset == ACTUAL && from.length == Integer.BYTES) {
            size.actual(ByteBuffer.wrap(from).order(ByteOrder.LITTLE_ENDIAN).getInt());
        }
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        if (index == 0) {
            driven = true;
        }
        Virtqueue queue = worker.start(resources, handler(index, resources.memory()));
        if (index == statsIndex()) {
            statsQueue = queue;
        }
    }

    private void watch(Poller poller) {
        poller.add(adjustTimer.fd(), Poller.READABLE, events -> {
            if (adjustTimer.drain() > 0) {
                size.fail("the balloon did not get its size in time", Errno.ETIMEDOUT);
            }
        });
        poller.add(statsTimer.fd(), Poller.READABLE, events -> {
            if (statsTimer.drain() > 0) {
                stats.fail("the guest did not tell its statistics in time", Errno.ETIMEDOUT);
            }
        });
    }

    // Which queue is where depends on the features (virtio 1.3, 5.5.2): those that are not there leave no gap.
    private int statsIndex() {
        return (features & VIRTIO_BALLOON_F_STATS_VQ) != 0 ? 2 : -1;
    }

    private QueueHandler handler(int index, GuestMemory memory) {
        if (index == 0) {
            return QueueHandler.forEach(chain -> inflate(memory, chain));
        }
        if (index == 1) {
            return QueueHandler.forEach(chain -> 0); // a page comes back when the guest touches it
        }
        if (index == statsIndex()) {
            return stats::process;
        }
        return QueueHandler.forEach(chain -> report(memory, chain));
    }

    private long inflate(GuestMemory memory, DescriptorChain chain) {
        Reader from = chain.readable();
        if (from.remaining() > MAX_REQUEST) {
            throw new DescriptorException("a request of " + from.remaining() + " bytes to the balloon");
        }
        while (from.remaining() >= Integer.BYTES) {
            int length = (int) Math.min(READ, from.remaining() & -Integer.BYTES);
            from.get(numbers, 0, length);
            for (int i = 0; i < length; i += Integer.BYTES) {
                release.add(memory, frames.getInt(i));
            }
        }
        release.flush(memory);
        return 0;
    }

    private long report(GuestMemory memory, DescriptorChain chain) {
        Writer free = chain.writable();
        while (free.remaining() > 0) {
            long length = free.together();
            release.release(memory, free.address(), length);
            free.skip(length);
        }
        return 0;
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        if (index == 0) {
            driven = false;
        }
        if (index == statsIndex()) {
            statsQueue = null;
        }
        return worker.stop(index);
    }

    /**
     * Sets the size that the balloon shall have.
     *
     * @param wait whether to answer only when it has
     * @throws OsException ENOTCONN while there is no driver
     */
    CompletionStage<Value> adjust(long bytes, boolean wait) {
        if (!driven) {
            throw new OsException("the guest has no balloon driver yet", Errno.ENOTCONN);
        }
        CompletableFuture<Value> result = size.adjust(pages(bytes), wait);
        if (!result.isDone()) {
            adjustTimer.arm(ADJUST_SECONDS * SECOND, 0);
        }
        host.configChanged();
        return result;
    }

    /**
     * Asks the guest for its statistics.
     *
     * @throws OsException ENOTCONN while there is no driver, ENOTSUP when it has none
     */
    CompletionStage<Value> stats() {
        if (!driven) {
            throw new OsException("the guest has no balloon driver yet", Errno.ENOTCONN);
        }
        if (statsQueue == null) {
            throw new OsException("the guest's balloon driver has no statistics", Errno.ENOTSUP);
        }
        CompletableFuture<Value> result = new CompletableFuture<>();
        worker.execute(() -> {
            Virtqueue queue = statsQueue; // it may have stopped meanwhile
            if (queue == null) {
                result.completeExceptionally(new OsException("the balloon's driver is gone", Errno.ENOTCONN));
                return;
            }
            try {
                statsTimer.arm(STATS_SECONDS * SECOND, 0);
                stats.ask(queue, result);
            } catch (RuntimeException e) {
                stats.fail("the guest's statistics", Errno.EIO);
            }
        });
        return result;
    }

    @Override
    public void reset() {
        adjustTimer.disarm();
        statsTimer.disarm();
        size.reset();
        stats.fail("the balloon's driver is gone", Errno.ENOTCONN);
        stats.stopped();
        features = 0;
    }

    @Override
    public byte[] saveState() {
        byte[] state = new byte[CONFIG_LENGTH];
        readConfig(0, state);
        return state;
    }

    @Override
    public void restoreState(byte[] state) {
        if (state.length != CONFIG_LENGTH) {
            throw new VmmException("a state of " + state.length + " bytes is not of a balloon");
        }
        ByteBuffer from = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
        size.restore(from.getInt(), from.getInt());
    }

    @Override
    public CompletionStage<Value> command(String verb, Value body) {
        return verb.equals(BalloonCommand.VERB.name())
                ? BalloonCommand.perform(body, this)
                : VirtioDevice.super.command(verb, body);
    }

    @Override
    public void close() {
        worker.close();
        size.fail("the VM has ended", Errno.ENODEV);
        stats.fail("the VM has ended", Errno.ENODEV);
        adjustTimer.close();
        statsTimer.close();
    }
}
