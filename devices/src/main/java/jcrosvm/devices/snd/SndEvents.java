package jcrosvm.devices.snd;

import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/** The event queue (virtio 1.3, 5.14.6.3): the driver's buffers stay in the ring until something happens. */
final class SndEvents implements QueueHandler {
    private static final int LENGTH = 8;

    private final QueueWorker worker;
    private @Nullable QueueResources resources;
    private @Nullable Virtqueue queue;

    SndEvents(QueueWorker worker) {
        this.worker = worker;
    }

    /** What the queue is started with next. */
    void use(QueueResources next) {
        resources = next;
    }

    @Override
    public void process(Virtqueue working) {
        queue = working;
        working.disableNotifications();
    }

    @Override
    public void drain(Virtqueue working) {
        queue = null;
    }

    /** Tells the driver; what it has no buffer for is dropped. */
    void send(int code, int stream) {
        Virtqueue to = queue;
        QueueResources own = resources;
        if (to == null || own == null) {
            return;
        }
        try {
            send(to, code, stream);
        } catch (RuntimeException e) {
            queue = null;
            worker.fail(own, e); // the event queue alone: what happened is of another queue
        }
    }

    private static void send(Virtqueue to, int code, int stream) {
        DescriptorChain chain = to.pop();
        if (chain == null) {
            return;
        }
        boolean fits = chain.writable().remaining() >= LENGTH;
        if (fits) {
            chain.writable().putInt(code);
            chain.writable().putInt(stream);
        }
        to.complete(chain, fits ? LENGTH : 0);
        to.flush();
    }
}
