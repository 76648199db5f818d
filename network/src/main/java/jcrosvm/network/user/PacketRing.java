package jcrosvm.network.user;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import jcrosvm.base.io.IoVec;

/**
 * Frames that wait for the guest, in one piece of memory: everything except TCP segments of connections, which are made
 * when the guest has room. A full ring drops, as a switch does.
 */
final class PacketRing {
    private static final int LENGTH = 4;
    private static final int WRAP = -1;

    private final ByteBuffer bytes;
    private final MemorySegment segment;
    private int head;
    private int tail;
    private int packets;

    PacketRing(int capacity) {
        bytes = ByteBuffer.allocateDirect(capacity);
        segment = MemorySegment.ofBuffer(bytes);
    }

    boolean isEmpty() {
        return packets == 0;
    }

    /** Appends a frame of two parts; false when there is no room. */
    boolean offer(ByteBuffer header, int headerAt, int headerLength, ByteBuffer payload, int at, int length) {
        int frame = headerLength + length;
        int need = LENGTH + (frame + 3 & ~3);
        if (packets == 0) {
            head = 0;
            tail = 0;
        }
        if (tail >= head && (packets == 0 || tail > head)) {
            // Free are the end, and the front up to the head; a frame is never split.
            if (bytes.capacity() - tail < need) {
                if (head <= need) {
                    return false;
                }
                if (bytes.capacity() - tail >= LENGTH) {
                    bytes.putInt(tail, WRAP);
                }
                tail = 0;
            }
        } else if (head - tail <= need) {
            return false;
        }
        bytes.putInt(tail, frame);
        bytes.put(tail + LENGTH, header, headerAt, headerLength);
        bytes.put(tail + LENGTH + headerLength, payload, at, length);
        tail += need;
        packets++;
        return true;
    }

    /**
     * Copies the first frame out and removes it; what does not fit is cut off. Only when not empty.
     *
     * @param position where in {@code into} it goes
     * @return bytes copied
     */
    int poll(IoVec into, int position) {
        if (bytes.capacity() - head < LENGTH || bytes.getInt(head) == WRAP) {
            head = 0;
        }
        int frame = bytes.getInt(head);
        int copied = (int) Math.min(frame, Math.max(0, into.length() - position));
        into.copyIn(position, segment, head + LENGTH, copied);
        head += LENGTH + (frame + 3 & ~3);
        packets--;
        return copied;
    }
}
