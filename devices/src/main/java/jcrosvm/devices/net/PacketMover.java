package jcrosvm.devices.net;

import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.Virtqueue;

/** Moves packets of one direction between a queue and the backend; one that has failed stands still. */
abstract class PacketMover implements QueueHandler {
    final QueuePair pair;
    private final int waitsFor;
    private boolean entered;
    private boolean failed;

    /** @param waitsFor the event of the backend's descriptor that says there is work */
    PacketMover(QueuePair pair, int waitsFor) {
        this.pair = pair;
        this.waitsFor = waitsFor;
    }

    @Override
    public final void process(Virtqueue queue) {
        if (failed) {
            return;
        }
        if (!entered) {
            entered = true;
            pair.enter();
        }
        try {
            move(queue);
        } catch (RuntimeException e) {
            failed = true;
            watch(false);
            throw e;
        }
    }

    @Override
    public void drain(Virtqueue queue) {
        if (entered) {
            entered = false;
            pair.leave(waitsFor);
        }
    }

    final void watch(boolean on) {
        pair.watch(waitsFor, on);
    }

    abstract void move(Virtqueue queue);
}
