package jcrosvm.devices.block;

import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.TimerFd;
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

    /** How long one queue keeps the thread from others, and from who wants to stop it. */
    private static final long SLICE_NANOS = 5_000_000;

    /** After so many requests that had no company the next one is not expected to have any. */
    private static final int ALONE = 16;

    private final BlockDevice device;
    private final QueueWorker worker;
    private final Throttle throttle;
    private final BlockRequest own = new BlockRequest(BlockSpec.QUEUE_SIZE);
    private final TimerFd resume = new TimerFd();
    private final @Nullable KernelRequests kernel;
    private boolean attached;
    /** Nothing is under way, and nothing was waiting when last looked. */
    private boolean lull;
    /** How many requests came one after the other in a lull each. */
    private int alone;

    /** @param kernel that carries out what it can, or null */
    BlockQueue(BlockDevice device, QueueWorker worker, Throttle throttle, @Nullable KernelRequests kernel) {
        this.device = device;
        this.worker = worker;
        this.throttle = throttle;
        this.kernel = kernel;
    }

    @Override
    public void process(Virtqueue queue) {
        if (!attached) {
            attach(queue.index());
        }
        if (kernel == null) {
            work(queue);
            return;
        }
        boolean again;
        do {
            kernel.ring().mute();
            takeBack(queue, kernel);
            again = work(queue);
            again &= kernel.ring().listen();
        } while (again);
    }

    private void attach(int index) {
        attached = true;
        worker.poller().add(resume.fd(), Poller.READABLE, events -> {
            resume.drain();
            worker.process(index);
        });
        if (kernel != null) {
            EventFd completions = kernel.ring().completions();
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
            if (kernel != null && kernel.isFull()) {
                settle(queue);
                if (kernel.isFull()) {
                    return true; // a completion calls again
                }
            }
            DescriptorChain chain = queue.pop();
            if (chain == null) {
                settle(queue);
                lull = kernel != null && kernel.ring().inFlight() == 0;
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
                settle(queue);
                resume.arm(wait, 0);
                return false;
            }
            if (now - flushed > FLUSH_NANOS) {
                settle(queue);
                flushed = now;
            }
        }
    }

    /** Shows the driver everything that is complete by now. */
    private void settle(Virtqueue queue) {
        if (kernel != null) {
            kernel.ring().submit();
            takeBack(queue, kernel);
        }
        queue.flush();
    }

    private void takeBack(Virtqueue queue, KernelRequests from) {
        for (BlockRequest request = from.takeBack(); request != null; request = from.takeBack()) {
            int status = device.finish(request, from.ring().result());
            DescriptorChain chain = request.chain();
            queue.complete(chain, request.end(status));
        }
    }

    /** Carries a request out, or puts it back when it has to wait: for how many nanoseconds then. */
    private long take(Virtqueue queue, DescriptorChain chain) {
        BlockRequest request = kernel != null ? kernel.next() : own;
        boolean valid;
        try {
            valid = request.begin(chain);
        } catch (DescriptorException e) {
            queue.unpop(chain);
            settle(queue);
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
        Fd file = kernel != null && hasCompany() ? device.fileFor(request) : null;
        if (kernel != null && file != null) {
            kernel.start(request, file);
        } else {
            queue.complete(chain, request.end(device.perform(request)));
        }
        return 0;
    }

    /**
     * Whether the request is one of many, which the kernel carries out side by side. For a single one that way is longer
     * than a system call.
     */
    private boolean hasCompany() {
        alone = lull ? Math.min(alone + 1, ALONE) : 0;
        lull = false;
        return alone < ALONE;
    }

    @Override
    public void drain(Virtqueue queue) {
        worker.poller().remove(resume.fd());
        resume.close();
        if (kernel == null) {
            return;
        }
        worker.poller().remove(kernel.ring().completions().fd());
        while (kernel.ring().inFlight() > 0) {
            kernel.ring().submitAndWait();
            takeBack(queue, kernel);
        }
        kernel.close();
    }
}
