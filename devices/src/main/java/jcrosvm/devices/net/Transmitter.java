package jcrosvm.devices.net;

import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.network.NetBackend;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.Reader;
import jcrosvm.virtio.RequestHandler;
import jcrosvm.virtio.Virtqueue;

/** Packets from the guest: straight from its buffers to the backend. */
final class Transmitter extends PacketMover {
    private static final int BATCH = 128;

    private final IoVec packet = new IoVec(1024);
    private final RequestHandler packets = this::send;
    private int budget;

    Transmitter(QueuePair pair) {
        super(pair, Poller.WRITABLE);
    }

    @Override
    void move(Virtqueue queue) {
        budget = BATCH;
        if (queue.forEach(packets)) {
            watch(false);
        } else if (budget < 0) {
            pair.yieldTransmit();
        } else {
            watch(true);
        }
    }

    private long send(DescriptorChain chain) {
        return budget-- == 0 || !send(chain.readable()) ? RequestHandler.LATER : 0;
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
