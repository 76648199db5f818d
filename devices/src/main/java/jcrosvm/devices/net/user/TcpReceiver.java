package jcrosvm.devices.net.user;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/**
 * The half of a connection that takes what the guest sends. In order and with room in the socket it goes there at once;
 * otherwise it is kept in a ring, which is also where segments wait that came too early.
 */
final class TcpReceiver {
    private static final int MAX_RANGES = 16;
    private static final int SHIFT = 4;

    private final RingPool pool;
    private @Nullable ByteRing ring;

    /** Next sequence number that is expected. */
    int next;

    /** What the window that was told to the guest reaches to; it never shrinks. */
    private int edge;

    private int windowScale;

    /** Sequence numbers behind {@link #next} that are there: from, to, from, to; apart and ascending. */
    private final int[] ranges = new int[2 * MAX_RANGES];

    private int rangeCount;
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
        int gone = 0;
        while (gone < rangeCount && ranges[2 * gone] - next <= 0) {
            int more = ranges[2 * gone + 1] - next;
            if (more > 0) {
                into.extend(more);
                next += more;
            }
            gone++;
        }
        rangeCount -= gone;
        System.arraycopy(ranges, 2 * gone, ranges, 0, 2 * rangeCount);
    }

    private void keep(TcpSegment segment, int at, int length, int from) {
        ByteRing into = ring();
        if (into == null || !addRange(from, from + length)) {
            return;
        }
        into.place(into.count() + (from - next), segment.data, at, length);
    }

    private boolean addRange(int from, int to) {
        int first = 0;
        while (first < rangeCount && ranges[2 * first + 1] - from < 0) {
            first++;
        }
        int last = first;
        int low = from;
        int high = to;
        while (last < rangeCount && ranges[2 * last] - to <= 0) {
            low = ranges[2 * last] - low < 0 ? ranges[2 * last] : low;
            high = ranges[2 * last + 1] - high > 0 ? ranges[2 * last + 1] : high;
            last++;
        }
        int change = 1 - (last - first);
        if (rangeCount + change > MAX_RANGES) {
            return false;
        }
        System.arraycopy(ranges, 2 * last, ranges, 2 * (last + change), 2 * (rangeCount - last));
        rangeCount += change;
        ranges[2 * first] = low;
        ranges[2 * first + 1] = high;
        return true;
    }

    /** Ranges that came early, for selective acknowledgments (RFC 2018). */
    int ranges() {
        return rangeCount;
    }

    int rangeStart(int i) {
        return ranges[2 * i];
    }

    int rangeEnd(int i) {
        return ranges[2 * i + 1];
    }

    /** Writes what waits. */
    void flush(SocketChannel channel) throws IOException {
        if (ring != null) {
            ring.writeTo(channel);
            if (ring.count() == 0 && rangeCount == 0) {
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
