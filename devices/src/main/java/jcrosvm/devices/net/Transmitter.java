package jcrosvm.devices.net;

import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.Reader;
import jcrosvm.virtio.Virtqueue;

/** Packets from the guest: straight from its buffers to the backend. */
final class Transmitter implements QueueHandler {
    private static final int BATCH = 128;

    private final QueuePair pair;
    private final IoVec packet = new IoVec(1024);
    private boolean entered;
    private boolean failed;

    Transmitter(QueuePair pair) {
        this.pair = pair;
    }

    @Override
    public void process(Virtqueue queue) {
        if (failed) {
            return;
        }
        if (!entered) {
            entered = true;
            pair.enter();
        }
        try {
            transmit(queue);
        } catch (RuntimeException e) {
            failed = true;
            pair.watch(Poller.WRITABLE, false);
            throw e;
        }
    }

    private void transmit(Virtqueue queue) {
        int budget = BATCH;
        queue.disableNotifications();
        do {
            for (DescriptorChain chain = queue.pop(); chain != null; chain = queue.pop()) {
                if (budget-- == 0) {
                    queue.unpop(chain);
                    queue.flush();
                    pair.yieldTransmit();
                    return;
                }
                if (!send(chain.readable())) {
                    queue.unpop(chain);
                    queue.flush();
                    pair.watch(Poller.WRITABLE, true);
                    return;
                }
                queue.complete(chain, 0);
            }
            queue.flush();
        } while (queue.enableNotifications());
        pair.watch(Poller.WRITABLE, false);
    }

    /** Whether the packet is done with: sent, or not worth sending. */
    private boolean send(Reader reader) {
        long length = reader.remaining();
        if (length <= NetBackend.HEADER || length > NetSpec.MAX_PACKET || !pair.connected() || !pair.linkUp()) {
            return true;
        }
        packet.clear();
        reader.collect(packet, length);
        return pair.backend().send(packet);
    }

    @Override
    public void drain(Virtqueue queue) {
        if (entered) {
            entered = false;
            pair.leave(Poller.WRITABLE);
        }
    }
}
