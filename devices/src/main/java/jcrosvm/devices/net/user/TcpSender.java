package jcrosvm.devices.net.user;

import jcrosvm.base.io.IoVec;
import org.jspecify.annotations.Nullable;

/**
 * The half of a connection that gives the guest what the host's peer sends: what was read of the socket stays in a ring
 * until the guest has acknowledged it (RFC 9293), with congestion control (RFC 5681, 6582) and retransmission times (RFC
 * 6298). The guest is near, but may drop what it has no room for.
 */
final class TcpSender {
    private static final long MIN_RTO = 200_000_000L;
    private static final long FIRST_RTO = 1_000_000_000L;
    private static final long MAX_RTO = 60_000_000_000L;
    private static final int MAX_ATTEMPTS = 12;
    private static final int MAX_SYN_ATTEMPTS = 6;
    private static final int DUPLICATES = 3;
    private static final int INITIAL_SEGMENTS = 10; // RFC 6928

    private final RingPool pool;
    private @Nullable ByteRing ring;

    final int first;
    /** Oldest sequence number that is not acknowledged; that of the ring's first byte once the SYN is. */
    int unacknowledged;
    /** Next to send; behind {@link #highest} after a time-out. */
    int next;

    int highest;
    int mss = 536;
    int windowScale;
    private int window;
    private int largestWindow;
    private int windowSequence;
    private int windowAcknowledgment;

    private int congestionWindow;
    private int slowStartThreshold = Integer.MAX_VALUE;
    private int duplicates;
    private int recover;
    private boolean isRecovering;
    private boolean resendFirst;
    private boolean isProbing;

    private long smoothed;
    private long variation;
    private long timeout = FIRST_RTO;
    private long deadline;
    private boolean isTiming;
    private int timedSequence;
    private long timedSince;
    private int attempts;

    /** The host's peer has ended: a FIN follows the ring. */
    private boolean isEnded;

    private boolean isEndAcknowledged;

    /** The segment that {@link #plan} decided on: place in the ring, length, whether with FIN. */
    int offset;

    int length;
    boolean withFin;

    TcpSender(RingPool pool, int first) {
        this.pool = pool;
        this.first = first;
        unacknowledged = first;
        next = first;
        highest = first;
        recover = first;
    }

    /** Begins to send data: the SYN is acknowledged. */
    void establish(TcpSegment segment, int scale, int segmentSize) {
        unacknowledged = first + 1;
        next = unacknowledged;
        highest = unacknowledged;
        recover = first;
        windowScale = scale;
        mss = segmentSize;
        congestionWindow = INITIAL_SEGMENTS * mss;
        attempts = 0;
        deadline = 0;
        timeout = FIRST_RTO;
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

    /** Bytes of the stream that were sent and not acknowledged, the FIN as one. */
    private int inFlight() {
        return next - unacknowledged;
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
            advance(ack, acked, now);
        } else if (highest != unacknowledged && segment.span() == 0 && window == before && window != 0) {
            duplicate();
        }
        if (window != 0) {
            isProbing = false;
            if (inFlight() == 0 && highest == unacknowledged) {
                deadline = 0;
            }
        }
        return true;
    }

    private void advance(int ack, int acked, long now) {
        int data = Math.min(acked, buffered());
        if (ring != null) {
            ring.consume(data);
        }
        isEndAcknowledged |= acked > data;
        unacknowledged = ack;
        if (next - ack < 0) {
            next = ack;
        }
        isProbing = false;
        if (isTiming && ack - timedSequence >= 0) {
            isTiming = false;
            measured(now - timedSince);
        }
        if (isRecovering && ack - recover < 0) {
            // A partial acknowledgment: the next hole begins here (RFC 6582, 3.2).
            resendFirst = true;
            congestionWindow = Math.max(mss, congestionWindow - acked + mss);
        } else {
            if (isRecovering) {
                isRecovering = false;
                congestionWindow = Math.max(slowStartThreshold, 2 * mss);
            } else if (congestionWindow < slowStartThreshold) {
                congestionWindow = Math.min(1 << 24, congestionWindow + acked);
            } else {
                congestionWindow = Math.min(
                        1 << 24, congestionWindow + Math.max(1, (int) ((long) mss * acked / congestionWindow)));
            }
            duplicates = 0;
            resendFirst = false;
        }
        deadline = highest == unacknowledged ? 0 : now + timeout;
    }

    private void duplicate() {
        duplicates++;
        if (isRecovering) {
            congestionWindow = Math.min(1 << 24, congestionWindow + mss);
        } else if (duplicates == DUPLICATES && unacknowledged - recover > 0) {
            slowStartThreshold = Math.max((highest - unacknowledged) / 2, 2 * mss);
            congestionWindow = slowStartThreshold + DUPLICATES * mss;
            recover = highest;
            isRecovering = true;
            resendFirst = true;
            isTiming = false;
        }
    }

    private void measured(long sample) {
        if (smoothed == 0) {
            smoothed = Math.max(1, sample);
            variation = sample / 2;
        } else {
            variation += (Math.abs(smoothed - sample) - variation) / 4;
            smoothed += (sample - smoothed) / 8;
        }
        timeout = Math.clamp(smoothed + 4 * variation, MIN_RTO, MAX_RTO);
    }

    /** Decides what to send now, at most {@code most} bytes; false when nothing. */
    boolean plan(int most, long now) {
        int count = buffered();
        withFin = false;
        if (resendFirst) {
            offset = 0;
            length = Math.min(Math.min(mss, most), count);
            withFin = isEnded && length == count;
            resendFirst = length > 0 || withFin;
            return resendFirst;
        }
        offset = inFlight();
        int left = count - offset;
        if (left < 0) {
            return false; // The FIN is on its way.
        }
        length = Math.min(left, most);
        int usable = Math.min(window, congestionWindow) - offset;
        if (length > usable) {
            if (isProbing) {
                length = 1;
            } else {
                length = Math.max(0, usable);
                // Small pieces of a window are worth waiting, as long as there is something to wait for (RFC 9293,
                // 3.8.6.2.1).
                if (length < Math.min(mss, largestWindow / 2) && offset > 0) {
                    length = 0;
                }
                if (length == 0) {
                    if (offset == 0 && deadline == 0) {
                        deadline = now + timeout;
                    }
                    return false;
                }
            }
        }
        if (length > mss && length < left) {
            length -= length % mss;
        }
        withFin = isEnded && length == left;
        return length > 0 || withFin;
    }

    /** The planned segment was sent. */
    void sent(long now) {
        int span = length + (withFin ? 1 : 0);
        if (resendFirst) {
            resendFirst = false;
            deadline = now + timeout;
            return;
        }
        boolean isNew = next == highest;
        next += span;
        if (next - highest > 0) {
            highest = next;
        }
        isProbing = false;
        if (isNew && !isTiming) {
            isTiming = true;
            timedSequence = next;
            timedSince = now;
        }
        if (deadline == 0) {
            deadline = now + timeout;
        }
    }

    /** The SYN was sent. */
    void sentSyn(long now) {
        next = first + 1;
        highest = next;
        deadline = now + timeout;
    }

    /** When {@link #expired} is due; 0: never. */
    long deadline() {
        return deadline;
    }

    /** Time is up for what was sent last. False when the guest is to be given up. */
    boolean expired(long now, boolean isEstablished) {
        timeout = Math.min(2 * timeout, MAX_RTO);
        deadline = now + timeout;
        if (!isEstablished) {
            return ++attempts < MAX_SYN_ATTEMPTS;
        }
        if (highest == unacknowledged && buffered() == 0) {
            deadline = 0;
            return true;
        }
        if (highest == unacknowledged || window == 0) {
            next = unacknowledged;
            isProbing = true; // Nothing is on its way, but the window is shut: ask whether it still is.
            return highest == unacknowledged || ++attempts < MAX_ATTEMPTS;
        }
        if (next == unacknowledged) {
            return true; // The guest has not even taken what was sent again.
        }
        slowStartThreshold = Math.max((highest - unacknowledged) / 2, 2 * mss);
        congestionWindow = mss;
        next = unacknowledged;
        recover = highest;
        isRecovering = false;
        resendFirst = false;
        duplicates = 0;
        isTiming = false;
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
