package jcrosvm.devices.snd;

import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/** The event queue (virtio 1.3, 5.14.6.3): the driver's buffers stay in the ring until something happens. */
final class SndEvents implements QueueHandler {
    private static final int LENGTH = 8;

    private @Nullable Virtqueue queue;

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
        DescriptorChain chain = to == null ? null : to.pop();
        if (to == null || chain == null) {
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
