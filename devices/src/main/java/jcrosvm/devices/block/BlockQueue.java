package jcrosvm.devices.block;

import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.TimerFd;
import jcrosvm.disk.io.DiskExecutor;
import jcrosvm.disk.io.Throttle;
import jcrosvm.disk.io.UringQueue;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/** The work on one queue of a disk, from its start to its stop. Of the worker's thread. */
final class BlockQueue implements QueueHandler {
    /** How long the driver waits for a completion because others are being worked on. */
    private static final long FLUSH_NANOS = 20_000;

    /** How long one queue keeps the thread from others, and from being stopped. */
    private static final long SLICE_NANOS = 5_000_000;

    /** After so many single requests the next one is not expected to be one of many. */
    private static final int SINGLES = 16;

    private final BlockDevice device;
    private final DiskExecutor disk;
    private final QueueWorker worker;
    private final Throttle throttle;
    private final BlockRequest own = new BlockRequest(BlockSpec.QUEUE_SIZE);
    private final TimerFd resume = new TimerFd();
    private final @Nullable UringQueue<BlockRequest> uring;
    private boolean attached;
    /** Nothing is under way, and nothing was waiting when last looked. */
    private boolean idle;
    /** How many requests came one after the other, each while the queue was idle. */
    private int singles;

    /** @param uring that carries out what it can, or null */
    BlockQueue(
            BlockDevice device,
            DiskExecutor disk,
            QueueWorker worker,
            Throttle throttle,
            @Nullable UringQueue<BlockRequest> uring) {
        this.device = device;
        this.disk = disk;
        this.worker = worker;
        this.throttle = throttle;
        this.uring = uring;
    }

    @Override
    public void process(Virtqueue queue) {
        if (!attached) {
            attach(queue.index());
        }
        if (uring == null) {
            work(queue);
            return;
        }
        boolean again;
        do {
            uring.ring().mute();
            reap(queue, uring);
            again = work(queue);
            again &= uring.ring().listen();
        } while (again);
    }

    private void attach(int index) {
        attached = true;
        worker.poller().add(resume.fd(), Poller.READABLE, events -> {
            resume.drain();
            worker.process(index);
        });
        if (uring != null) {
            EventFd completions = uring.ring().completions();
            worker.poller().add(completions.fd(), Poller.READABLE, events -> {
                completions.drain();
                worker.process(index);
            });
        }
    }

    /** Works off what is available; false when the timer will have it called again. */
    private boolean work(Virtqueue queue) {
        long begin = System.nanoTime();
        long flushed = begin;
        queue.disableNotifications();
        while (true) {
            if (uring != null && uring.isFull()) {
                submitAndFlush(queue);
                if (uring.isFull()) {
                    return true; // a completion calls again
                }
            }
            DescriptorChain chain = queue.pop();
            if (chain == null) {
                submitAndFlush(queue);
                idle = uring != null && uring.ring().inFlight() == 0;
                if (!queue.enableNotifications()) {
                    return true;
                }
                queue.disableNotifications();
                continue;
            }
            long wait = take(queue, chain);
            long now = System.nanoTime();
            if (wait > 0 || now - begin > SLICE_NANOS) {
                // Kicks stay off: nothing more can be done before the timer expires.
                submitAndFlush(queue);
                resume.arm(wait, 0);
                return false;
            }
            if (now - flushed > FLUSH_NANOS) {
                submitAndFlush(queue);
                flushed = now;
            }
        }
    }

    /** Shows the driver everything that is complete by now. */
    private void submitAndFlush(Virtqueue queue) {
        if (uring != null) {
            uring.ring().submit();
            reap(queue, uring);
        }
        queue.flush();
    }

    private void reap(Virtqueue queue, UringQueue<BlockRequest> from) {
        for (BlockRequest request = from.reap(); request != null; request = from.reap()) {
            int status = device.finish(request, from.ring().result());
            DescriptorChain chain = request.chain();
            queue.complete(chain, request.end(status));
        }
    }

    /** Carries a request out, or puts it back when it has to wait: for how many nanoseconds then. */
    private long take(Virtqueue queue, DescriptorChain chain) {
        BlockRequest request = uring != null ? uring.next() : own;
        boolean valid;
        try {
            valid = request.begin(chain);
        } catch (DescriptorException e) {
            queue.unpop(chain);
            submitAndFlush(queue);
            throw e;
        }
        if (!valid) {
            queue.complete(chain, request.end(BlockSpec.VIRTIO_BLK_S_IOERR));
            return 0;
        }
        long wait = throttle.admit(request.kind(), request.length());
        if (wait > 0) {
            queue.unpop(chain);
            return wait;
        }
        Fd file = uring != null && isBatched() ? disk.fileFor(request) : null;
        if (uring != null && file != null) {
            uring.start(request, file);
        } else {
            queue.complete(chain, request.end(device.perform(request)));
        }
        return 0;
    }

    /**
     * Whether the request is one of many, which the kernel carries out side by side. For a single one that way is longer
     * than a system call.
     */
    private boolean isBatched() {
        singles = idle ? Math.min(singles + 1, SINGLES) : 0;
        idle = false;
        return singles < SINGLES;
    }

    @Override
    public void drain(Virtqueue queue) {
        worker.poller().remove(resume.fd());
        resume.close();
        if (uring == null) {
            return;
        }
        worker.poller().remove(uring.ring().completions().fd());
        while (uring.ring().inFlight() > 0) {
            uring.ring().submitAndWait();
            reap(queue, uring);
        }
        uring.close();
    }
}
