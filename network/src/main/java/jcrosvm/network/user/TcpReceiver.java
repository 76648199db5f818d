package jcrosvm.network.user;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/**
 * The half of a connection that takes what the guest sends. In order and with room in the socket it goes there at once;
 * otherwise it is kept in a ring, which is also where segments wait that came too early.
 */
final class TcpReceiver {
    private static final int MAX_RANGES = 32;
    private static final int SHIFT = 4;

    private final RingPool pool;
    private @Nullable ByteRing ring;

    /** Next sequence number that is expected. */
    int next;

    /** What the window that was told to the guest reaches to; it never shrinks. */
    private int edge;

    private int windowScale;

    /** What is there behind {@link #next}. */
    private final SequenceRanges early = new SequenceRanges(MAX_RANGES);

    private int latest;
    private boolean isEndKnown;
    private int end;
    private boolean isEnded;

    TcpReceiver(RingPool pool) {
        this.pool = pool;
    }

    /** Begins behind the guest's SYN. */
    void establish(int guestSequence, boolean scaled) {
        next = guestSequence + 1;
        edge = next;
        windowScale = scaled ? SHIFT : 0;
    }

    int offeredScale() {
        return SHIFT;
    }

    private int buffered() {
        return ring == null ? 0 : ring.count();
    }

    private int room() {
        return pool.ringSize() - buffered();
    }

    /** The window for the guest's eyes, and from now on a promise. */
    int advertise() {
        int shown = Math.min(room() >> windowScale, 0xffff);
        int reach = next + (shown << windowScale);
        if (reach - edge < 0) {
            shown = Math.min(0xffff, edge - next + (1 << windowScale) - 1 >> windowScale);
            return shown;
        }
        edge = reach;
        return shown;
    }

    /** The window of a SYN, which is never scaled. */
    int advertiseUnscaled() {
        int shown = Math.min(room(), 0xffff);
        edge = next + shown;
        return shown;
    }

    /** Whether the guest should hear that there is more room. */
    boolean isUpdateDue(int mss) {
        int shown = edge - next;
        int reach = Math.min(room(), 0xffff << windowScale);
        return reach - shown >= 2 * mss && shown < pool.ringSize() / 2;
    }

    /** Whether a segment has anything to do with the window (RFC 9293, 3.10.7.4). */
    boolean isAcceptable(TcpSegment segment) {
        int from = segment.sequence - next;
        int to = from + segment.span();
        return segment.span() == 0 ? from >= 0 && from <= edge - next : to > 0 && from < Math.max(1, edge - next);
    }

    /**
     * Takes a segment's data and FIN.
     *
     * @return acknowledgments that the guest should get
     * @throws IOException when the socket is broken
     */
    int receive(TcpSegment segment, SocketChannel channel) throws IOException {
        if (isEnded) {
            return segment.span() > 0 ? 1 : 0;
        }
        int from = segment.sequence;
        int at = segment.payload;
        int length = segment.length;
        int segmentEnd = from + length;
        int old = next - from;
        if (old > 0) {
            at += old;
            length -= old;
            from = next;
        }
        length = Math.min(length, room() - (from - next));
        int acks = segment.span() > 0 ? 1 : 0;
        if (length > 0) {
            if (from == next) {
                append(segment, at, length, channel);
            } else {
                keep(segment, at, length, from);
                acks = 2;
            }
        }
        if (segment.has(TcpSegment.FIN) && !isEndKnown) {
            isEndKnown = true;
            end = segmentEnd;
        }
        if (isEndKnown && next == end) {
            next++;
            isEnded = true;
        }
        return acks;
    }

    private void append(TcpSegment segment, int at, int length, SocketChannel channel) throws IOException {
        int done = 0;
        if (ring == null) {
            segment.data.clear().limit(at + length).position(at);
            try {
                done = channel.write(segment.data);
            } finally {
                segment.data.clear();
            }
            next += done;
            if (done == length) {
                return;
            }
        }
        ByteRing into = ring();
        if (into == null) {
            return; // Not acknowledged, so the guest sends it again.
        }
        into.place(into.count(), segment.data, at + done, length - done);
        into.extend(length - done);
        next += length - done;
        merge(into);
        flush(channel);
    }

    private @Nullable ByteRing ring() {
        if (ring == null) {
            ring = pool.take();
        }
        return ring;
    }

    /** What came early may join what has arrived now. */
    private void merge(ByteRing into) {
        while (!early.isEmpty() && early.start(0) - next <= 0) {
            int more = early.end(0) - next;
            if (more > 0) {
                into.extend(more);
                next += more;
            }
            early.dropBefore(next);
        }
    }

    private void keep(TcpSegment segment, int at, int length, int from) {
        ByteRing into = ring();
        if (into == null || !early.add(from, from + length)) {
            return;
        }
        into.place(into.count() + (from - next), segment.data, at, length);
        latest = from;
    }

    /** Ranges that came early, for selective acknowledgments (RFC 2018). */
    SequenceRanges early() {
        return early;
    }

    /** The one of them that changed last, which is to be told first. */
    int latest() {
        return Math.min(early.firstBehind(latest), early.count() - 1);
    }

    /** Writes what waits. */
    void flush(SocketChannel channel) throws IOException {
        if (ring != null) {
            ring.writeTo(channel);
            if (ring.count() == 0 && early.isEmpty()) {
                release();
            }
        }
    }

    /** Whether bytes wait for the socket. */
    boolean isWaiting() {
        return buffered() > 0;
    }

    /** Whether the guest has sent its FIN, and all before it. */
    boolean isEnded() {
        return isEnded;
    }

    void release() {
        if (ring != null) {
            pool.give(ring);
            ring = null;
        }
    }
}
