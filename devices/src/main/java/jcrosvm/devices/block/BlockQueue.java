package jcrosvm.devices.block;

import jcrosvm.base.io.Poller;
import jcrosvm.base.io.TimerFd;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.Virtqueue;

/** The work on one queue of a disk, from its start to its stop. Of the worker's thread. */
final class BlockQueue implements QueueHandler {
    /** As many pieces as one system call takes. */
    private static final int PIECES = 1024;

    /** How long the driver waits for a completion because others are being worked on. */
    private static final long FLUSH_NANOS = 20_000;

    /** How long one queue keeps the thread from others, and from who wants to stop it. */
    private static final long SLICE_NANOS = 5_000_000;

    private final BlockDevice device;
    private final QueueWorker worker;
    private final Throttle throttle;
    private final BlockRequest request = new BlockRequest(PIECES);
    private final TimerFd resume = new TimerFd();
    private boolean attached;
    private boolean broken;

    BlockQueue(BlockDevice device, QueueWorker worker, Throttle throttle) {
        this.device = device;
        this.worker = worker;
        this.throttle = throttle;
    }

    @Override
    public void process(Virtqueue queue) {
        if (broken) {
            return;
        }
        if (!attached) {
            attached = true;
            worker.poller().add(resume.fd(), Poller.READABLE, events -> {
                resume.drain();
                worker.process(queue.index());
            });
        }
        try {
            work(queue);
        } catch (DescriptorException e) {
            broken = true;
            queue.flush();
            throw e;
        }
    }

    private void work(Virtqueue queue) {
        long begin = System.nanoTime();
        long flushed = begin;
        queue.disableNotifications();
        while (true) {
            DescriptorChain chain = queue.pop();
            if (chain == null) {
                queue.flush();
                if (!queue.enableNotifications()) {
                    return;
                }
                queue.disableNotifications();
                continue;
            }
            long wait = take(queue, chain);
            long now = System.nanoTime();
            if (wait > 0 || now - begin > SLICE_NANOS) {
                // Kicks stay off: nothing more can be done before the timer expires.
                queue.flush();
                resume.arm(wait, 0);
                return;
            }
            if (now - flushed > FLUSH_NANOS) {
                queue.flush();
                flushed = now;
            }
        }
    }

    /** Carries a request out, or puts it back when it has to wait: for how many nanoseconds then. */
    private long take(Virtqueue queue, DescriptorChain chain) {
        boolean valid;
        try {
            valid = request.begin(chain);
        } catch (DescriptorException e) {
            queue.unpop(chain);
            throw e;
        }
        if (!valid) {
            queue.complete(chain, request.end(BlockSpec.VIRTIO_BLK_S_IOERR));
            return 0;
        }
        long wait = throttle.admit(request.type(), request.length());
        if (wait > 0) {
            queue.unpop(chain);
            return wait;
        }
        queue.complete(chain, request.end(device.perform(request)));
        return 0;
    }

    @Override
    public void drain(Virtqueue queue) {
        broken = true;
        worker.poller().remove(resume.fd());
        resume.close();
    }
}
