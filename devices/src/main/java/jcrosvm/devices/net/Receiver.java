package jcrosvm.devices.net;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.network.NetBackend;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.Virtqueue;
import jcrosvm.virtio.Writer;

/**
 * Packets for the guest. The backend writes straight into a few buffers taken in advance, and what a packet has beyond
 * them into a buffer of ours: with mergeable buffers it is copied on into further ones (virtio 1.3, 5.1.6.4), without
 * them such a packet is dropped. A packet that has to wait for buffers keeps its place.
 */
final class Receiver extends PacketMover {
    private static final int BATCH = 64;
    private static final int MOST_PIECES = 1023; // and one of ours make the most that readv takes
    private static final int LEAST_ROOM = 2048;

    private final boolean mergeable;
    private final boolean checksums;
    private final MemorySegment beyond = Arena.ofAuto().allocate(NetSpec.MAX_PACKET);
    private final IoVec vec = new IoVec(MOST_PIECES + 1);
    private final IoVec part = new IoVec(MOST_PIECES + 1);
    private final DescriptorChain[] held;
    private final long[] rooms;
    private int count;
    private int pieces;
    private boolean crowded; // the next buffer has more pieces than a call can still take
    private long room;
    /** Room to have ready: follows the length of packets, for long ones should not be copied. */
    private long wanted = LEAST_ROOM;
    /** Bytes of the packet that is in the held buffers and beyond, or 0. */
    private int length;
    /** How many of them came to lie beyond, and how many of those were copied on. */
    private int overflow;

    private int copied;

    /**
     * @param mergeable VIRTIO_NET_F_MRG_RXBUF was negotiated
     * @param checksums VIRTIO_NET_F_GUEST_CSUM was negotiated
     */
    Receiver(QueuePair pair, int size, boolean mergeable, boolean checksums) {
        super(pair, Poller.READABLE);
        this.mergeable = mergeable;
        this.checksums = checksums;
        held = new DescriptorChain[size];
        rooms = new long[size];
    }

    @Override
    void move(Virtqueue queue) {
        int budget = BATCH;
        queue.disableNotifications();
        while (pair.connected()) {
            boolean ready = length == 0 ? prepare(queue) : spread(queue);
            if (!ready) {
                queue.flush();
                watch(false); // until the driver kicks
                if (!queue.enableNotifications()) {
                    return;
                }
                queue.disableNotifications();
            } else if (length != 0) {
                deliver(queue);
            } else if (budget-- == 0) {
                queue.flush();
                pair.yieldReceive();
                return;
            } else if (!take()) {
                queue.flush();
                watch(true);
                return;
            }
        }
        queue.flush();
    }

    /** Takes buffers until there is room enough, or at least one. */
    private boolean prepare(Virtqueue queue) {
        while (count == 0 || mergeable && room < wanted && count < held.length) {
            if (!hold(queue)) {
                break;
            }
        }
        return count > 0;
    }

    private boolean hold(Virtqueue queue) {
        crowded = false;
        DescriptorChain chain = queue.pop();
        if (chain == null) {
            return false;
        }
        Writer writer = chain.writable();
        if (writer.remaining() < NetBackend.HEADER || writer.pieces() > MOST_PIECES) {
            queue.unpop(chain);
            throw new DescriptorException(
                    "receive buffer of %d bytes in %d pieces".formatted(writer.remaining(), writer.pieces()));
        }
        crowded = pieces + writer.pieces() > MOST_PIECES;
        if (crowded) {
            queue.unpop(chain);
            return false;
        }
        held[count] = chain;
        rooms[count] = Math.min(writer.remaining(), NetSpec.MAX_PACKET);
        room += rooms[count];
        pieces += writer.pieces();
        count++;
        return true;
    }

    /** Receives a packet; false when there is none. */
    private boolean take() {
        vec.clear();
        boolean up = pair.linkUp();
        if (up) {
            for (int i = 0; i < count; i++) {
                Writer writer = held[i].writable();
                writer.rewind();
                writer.collect(vec, rooms[i]);
            }
        }
        vec.add(beyond, 0, beyond.byteSize());
        int got = pair.backend().receive(vec);
        if (got <= 0) {
            return false;
        }
        boolean fits = mergeable ? got <= NetSpec.MAX_PACKET : got <= room;
        if (up && fits && got > NetBackend.HEADER) {
            length = got;
            overflow = (int) Math.max(0, got - room);
            copied = 0;
            wanted = got > wanted ? NetSpec.MAX_PACKET : Math.max(LEAST_ROOM, wanted - (wanted - got >> 3));
        }
        return true;
    }

    /** Copies what lies beyond on into more buffers; false when more are needed. */
    private boolean spread(Virtqueue queue) {
        while (copied < overflow) {
            if (count == held.length || !hold(queue)) {
                if (count == held.length || crowded) {
                    length = 0; // will never fit: dropped
                    return true;
                }
                return false;
            }
            int n = (int) Math.min(rooms[count - 1], overflow - copied);
            part.clear();
            held[count - 1].writable().collect(part, n);
            part.copyIn(0, beyond, copied, n);
            copied += n;
        }
        return true;
    }

    /** Hands the packet to the driver. */
    private void deliver(Virtqueue queue) {
        int used = 0;
        for (long covered = 0; covered < length; used++) {
            covered += rooms[used];
        }
        Writer header = held[0].writable();
        header.rewind();
        if (!checksums) {
            header.putShort(0); // no flags, no segmentation (5.1.6.4.1)
            header.skip(NetSpec.HEADER_NUM_BUFFERS - 2);
        } else {
            header.skip(NetSpec.HEADER_NUM_BUFFERS);
        }
        header.putShort(used);
        long left = length;
        for (int i = 0; i < used; i++) {
            DescriptorChain chain = held[i];
            int written = (int) Math.min(left, rooms[i]);
            left -= written;
            room -= rooms[i];
            chain.writable().rewind();
            pieces -= chain.writable().pieces();
            queue.complete(chain, written);
        }
        count -= used;
        System.arraycopy(held, used, held, 0, count);
        System.arraycopy(rooms, used, rooms, 0, count);
        length = 0;
    }

    @Override
    public void drain(Virtqueue queue) {
        while (count > 0) {
            queue.unpop(held[--count]);
        }
        room = 0;
        pieces = 0;
        length = 0;
        super.drain(queue);
    }
}
