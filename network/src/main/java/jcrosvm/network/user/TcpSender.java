package jcrosvm.network.user;

import jcrosvm.base.io.IoVec;
import org.jspecify.annotations.Nullable;

/**
 * The half of a connection that gives the guest what the host's peer sends: what was read of the socket stays in a ring
 * until the guest has acknowledged it. {@link TcpRecovery} knows how much may be on its way and what got lost.
 */
final class TcpSender {
    private static final int MAX_ATTEMPTS = 12;
    private static final int MAX_SYN_ATTEMPTS = 6;

    private final RingPool pool;
    private final TcpRecovery recovery = new TcpRecovery();
    private @Nullable ByteRing ring;

    final int first;
    /** Oldest sequence number that is not acknowledged; that of the ring's first byte once the SYN is. */
    int unacknowledged;
    /** Next to send; behind {@link #highest} after a time-out. */
    int next;

    int highest;
    private int mss = 536;
    private int windowScale;
    private int window;
    private int largestWindow;
    private int windowSequence;
    private int windowAcknowledgment;
    private boolean isProbing;

    private long deadline;
    private int attempts;

    /** The host's peer has ended: a FIN follows the ring. */
    private boolean isEnded;

    private boolean isEndAcknowledged;

    /** The segment that {@link #plan} decided on: place in the ring, length, whether with FIN. */
    int offset;

    int length;
    boolean withFin;
    private boolean isRepeated;

    TcpSender(RingPool pool, int first) {
        this.pool = pool;
        this.first = first;
        unacknowledged = first;
        next = first;
        highest = first;
    }

    /** Begins to send data: the SYN is acknowledged. */
    void establish(TcpSegment segment, int scale, int segmentSize) {
        unacknowledged = first + 1;
        next = unacknowledged;
        highest = unacknowledged;
        windowScale = scale;
        mss = segmentSize;
        recovery.establish(mss, highest);
        attempts = 0;
        deadline = 0;
        updateWindow(segment, segment.has(TcpSegment.SYN) ? 0 : scale);
    }

    private void updateWindow(TcpSegment segment, int scale) {
        windowSequence = segment.sequence;
        windowAcknowledgment = segment.acknowledgment;
        window = segment.window << scale;
        largestWindow = Math.max(largestWindow, window);
    }

    /** Where the socket's bytes go; null when there is no memory for them now. */
    @Nullable
    ByteRing ring() {
        if (ring == null) {
            ring = pool.take();
        }
        return ring;
    }

    int buffered() {
        return ring == null ? 0 : ring.count();
    }

    /** Gives back memory that is not in use. */
    void trim() {
        if (ring != null && ring.count() == 0) {
            release();
        }
    }

    void release() {
        if (ring != null) {
            pool.give(ring);
            ring = null;
        }
    }

    void end() {
        isEnded = true;
    }

    boolean isEnded() {
        return isEnded;
    }

    boolean isEndAcknowledged() {
        return isEndAcknowledged;
    }

    /**
     * Takes the acknowledgment of a segment.
     *
     * @return false when it acknowledges what was never sent
     */
    boolean acknowledge(TcpSegment segment, long now) {
        int ack = segment.acknowledgment;
        if (ack - highest > 0) {
            return false;
        }
        int acked = ack - unacknowledged;
        if (acked < 0) {
            return true;
        }
        int before = window;
        if (segment.sequence - windowSequence > 0
                || segment.sequence == windowSequence && ack - windowAcknowledgment >= 0) {
            updateWindow(segment, windowScale);
        }
        attempts = 0;
        if (acked > 0) {
            int data = Math.min(acked, buffered());
            if (ring != null) {
                ring.consume(data);
            }
            isEndAcknowledged |= acked > data;
            unacknowledged = ack;
            if (next - ack < 0) {
                next = ack;
            }
        }
        boolean isDuplicate = acked == 0 && highest != ack && segment.span() == 0 && window == before && window != 0;
        recovery.acknowledged(segment, acked, isDuplicate, highest, now);
        if (acked > 0 || window != 0) {
            isProbing = false;
        }
        if (highest == ack) {
            deadline = window != 0 || buffered() == 0 ? 0 : deadline;
        } else if (acked > 0) {
            deadline = now + recovery.patience(highest - ack);
        }
        return true;
    }

    /** Decides what to send now, at most {@code most} bytes; false when nothing. */
    boolean plan(int most, long now) {
        int count = buffered();
        isRepeated = recovery.plan(unacknowledged, highest, next, most);
        if (isRepeated) {
            offset = recovery.from - unacknowledged;
            length = Math.min(recovery.length, count - offset);
            withFin = highest - unacknowledged > count && offset + length == count;
            if (length > 0 || length == 0 && withFin) {
                return true;
            }
            recovery.skip();
            isRepeated = false;
        }
        withFin = false;
        next = recovery.skipArrived(next);
        offset = next - unacknowledged;
        int left = count - offset;
        if (left < 0) {
            return false; // The FIN is on its way.
        }
        length = Math.min(left, most);
        int usable = Math.min(window - offset, recovery.usable(unacknowledged, next, highest));
        if (length > usable) {
            if (!limit(usable, now)) {
                return false;
            }
        }
        if (length > mss && length < left) {
            length -= length % mss;
        }
        withFin = isEnded && length == left;
        return length > 0 || withFin;
    }

    private boolean limit(int usable, long now) {
        if (isProbing) {
            length = 1;
            return true;
        }
        length = Math.max(0, usable);
        // Small pieces of a window are worth waiting, as long as there is something to wait for (RFC 9293, 3.8.6.2.1).
        if (length < Math.min(mss, largestWindow / 2) && offset > 0) {
            length = 0;
        }
        if (length == 0 && offset == 0 && deadline == 0) {
            deadline = now + recovery.timeout();
        }
        return length > 0;
    }

    /** The planned segment was sent. */
    void sent(long now) {
        int span = length + (withFin ? 1 : 0);
        if (isRepeated) {
            recovery.repeated(unacknowledged + offset, span, highest);
        } else {
            if (next == highest) {
                recovery.timed(next + span, now);
            }
            next += span;
            highest = next - highest > 0 ? next : highest;
            isProbing = false;
        }
        if (deadline == 0) {
            deadline = now + recovery.patience(highest - unacknowledged);
        }
    }

    /** The SYN was sent. */
    void sentSyn(long now) {
        next = first + 1;
        highest = next;
        deadline = now + recovery.timeout();
    }

    /** When {@link #expired} is due; 0: never. */
    long deadline() {
        return deadline;
    }

    /** Time is up for what was sent last. False when the guest is to be given up. */
    boolean expired(long now, boolean isEstablished) {
        if (isEstablished && highest == unacknowledged && buffered() == 0) {
            deadline = 0;
            return true;
        }
        if (isEstablished && window != 0 && highest != unacknowledged && recovery.probe(highest)) {
            deadline = now + recovery.timeout();
            return true;
        }
        deadline = now + recovery.backOff();
        if (!isEstablished) {
            return ++attempts < MAX_SYN_ATTEMPTS;
        }
        if (highest == unacknowledged || window == 0) {
            next = unacknowledged;
            isProbing = true; // Nothing is on its way, but the window is shut: ask whether it still is.
            return highest == unacknowledged || ++attempts < MAX_ATTEMPTS;
        }
        if (next == unacknowledged) {
            return true; // The guest has not even taken what was sent again.
        }
        recovery.timedOut(highest - unacknowledged, highest);
        next = unacknowledged;
        return ++attempts < MAX_ATTEMPTS;
    }

    void copyTo(IoVec into, long position) {
        if (length > 0 && ring != null) {
            ring.copyTo(offset, into, position, length);
        }
    }

    long sum() {
        return length > 0 && ring != null ? ring.sum(offset, length) : 0;
    }
}
