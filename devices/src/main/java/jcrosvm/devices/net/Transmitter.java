package jcrosvm.devices.net;

import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.network.NetBackend;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.Reader;
import jcrosvm.virtio.Virtqueue;

/** Packets from the guest: straight from its buffers to the backend. */
final class Transmitter extends PacketMover {
    private static final int BATCH = 128;

    private final IoVec packet = new IoVec(1024);

    Transmitter(QueuePair pair) {
        super(pair, Poller.WRITABLE);
    }

    @Override
    void move(Virtqueue queue) {
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
                    watch(true);
                    return;
                }
                queue.complete(chain, 0);
            }
            queue.flush();
        } while (queue.enableNotifications());
        watch(false);
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
}
