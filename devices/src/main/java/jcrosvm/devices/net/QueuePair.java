package jcrosvm.devices.net;

import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.io.Poller;
import jcrosvm.network.NetBackend;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import org.jspecify.annotations.Nullable;

/**
 * A receive queue, a transmit queue, their backend and the worker that serves all three. The constructor, {@link #start},
 * {@link #stop} and {@link #close} are for the device's host; the rest is the worker's.
 */
final class QueuePair implements AutoCloseable {
    private final NetBackend backend;
    private final int receiveQueue;
    private final LinkStatus link;
    private final Poller.Handler ready = this::ready;
    private final QueueWorker worker;
    private int running;
    private final AtomicBoolean isAttaching = new AtomicBoolean();
    private volatile boolean wanted;
    private boolean attached;
    private boolean watching;
    private int interest;
    private boolean cut;

    /** @param number of the pair; the first is attached from the beginning */
    QueuePair(String name, int number, NetBackend backend, LinkStatus link) {
        worker = new QueueWorker(name);
        this.backend = backend;
        this.link = link;
        receiveQueue = 2 * number;
        attached = number == 0;
    }

    NetBackend backend() {
        return backend;
    }

    /** Starts a queue on the pair's worker; also the control queue, on the first pair's. */
    void start(QueueResources resources, QueueHandler handler) {
        worker.start(resources, handler);
    }

    @Nullable
    QueueState stop(int index) {
        return worker.stop(index);
    }

    /** Takes the pair into use or out of it; from any thread, in order with starts and stops. */
    void attach(boolean on) {
        wanted = on;
        if (!worker.isStarted()) {
            attachNow();
        } else if (!isAttaching.getAndSet(true)) { // a driver may ask faster than this can be done
            worker.execute(this::attachNow);
        }
    }

    private void attachNow() {
        isAttaching.set(false);
        boolean on = wanted;
        if (attached == on) {
            return;
        }
        attached = on;
        if (on) {
            backend.attach(true);
            process(receiveQueue);
        } else {
            forget(); // or the poller reports a queue without device for ever
            backend.attach(false);
        }
    }

    /** Whether packets can come and go at all. */
    boolean connected() {
        return attached && !cut;
    }

    boolean linkUp() {
        return link.up() && !cut;
    }

    /** One of the two queues begins. */
    void enter() {
        running++;
    }

    /** One of the two queues ends. */
    void leave(int event) {
        watch(event, false);
        if (--running == 0) {
            forget();
        }
    }

    private void forget() {
        if (watching) {
            worker.poller().remove(backend.descriptor());
            watching = false;
        }
        interest = 0;
    }

    /** Begins or ends to wait for the backend: for a packet, or for room for one. */
    void watch(int event, boolean on) {
        int wanted = on ? interest | event : interest & ~event;
        if (wanted == interest || !connected()) {
            return;
        }
        interest = wanted;
        if (watching) {
            worker.poller().modify(backend.descriptor(), wanted);
        } else {
            worker.poller().add(backend.descriptor(), wanted, ready);
            watching = true;
        }
    }

    private void ready(int events) {
        if ((events & Poller.HANGUP) != 0) {
            forget();
            cut = true;
            link.cut();
            process(receiveQueue);
            process(receiveQueue + 1); // gives back what waits
            return;
        }
        if ((events & Poller.READABLE) != 0) {
            process(receiveQueue);
        }
        if ((events & Poller.WRITABLE) != 0) {
            process(receiveQueue + 1);
        }
    }

    private void process(int queue) {
        worker.process(queue);
    }

    /** Lets others have the worker before the queue goes on. */
    void yieldReceive() {
        again(receiveQueue);
    }

    void yieldTransmit() {
        again(receiveQueue + 1);
    }

    /** As those, for the control queue. */
    void again(int queue) {
        worker.again(queue);
    }

    @Override
    public void close() {
        worker.close();
        backend.close();
    }
}
