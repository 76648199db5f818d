package jcrosvm.network.user;

/**
 * What a sender knows of its segments on their way: how many there may be (RFC 5681), when they are late (RFC 6298, with
 * a probe before that as in RFC 8985, 7), and which got lost, from selective acknowledgments (RFC 2018; RFC 6675, counting
 * from the highest one) or without them (RFC 6582). On the guest's cable nothing overtakes anything.
 */
final class TcpRecovery {
    private static final long MIN_TIMEOUT = 200_000_000L;
    private static final long FIRST_TIMEOUT = 1_000_000_000L;
    private static final long MAX_TIMEOUT = 60_000_000_000L;
    private static final long MIN_PROBE = 10_000_000L;
    /** Acknowledgments of single segments may come so much later. */
    private static final long DELAYED_ACK = 60_000_000L;

    private static final int DUPLICATES = 3;
    private static final int INITIAL_SEGMENTS = 10; // RFC 6928
    private static final int MOST_IN_FLIGHT = 1 << 24;
    private static final int MAX_RANGES = 64;

    private final SequenceRanges arrived = new SequenceRanges(MAX_RANGES);
    private int mss;
    private int unacknowledged;

    private int congestionWindow;
    private int slowStartThreshold = Integer.MAX_VALUE;
    private int duplicates;

    private boolean isRecovering;
    /** The recovery ends when all up to here is acknowledged. */
    private int recover;
    /** What is missing before this was sent again. */
    private int repeatedTo;
    /** What was highest when something was sent again last: if later ones arrive and it does not, it is lost again. */
    private int repeatedAt;
    /** Bytes sent again that may still be on their way. */
    private int repeating;

    private boolean isProbeDue;
    private boolean isProbed;

    private long smoothed;
    private long variation;
    private long timeout = FIRST_TIMEOUT;
    private boolean isTiming;
    private int timedSequence;
    private long timedSince;

    /** What {@link #plan} found: sequence number and length. */
    int from;

    int length;

    void establish(int segmentSize, int sequence) {
        mss = segmentSize;
        congestionWindow = INITIAL_SEGMENTS * mss;
        timeout = FIRST_TIMEOUT;
        unacknowledged = sequence;
        recover = sequence - 1;
    }

    /**
     * Takes an acknowledgment.
     *
     * @param acked how many sequence numbers it is further than the last one
     */
    void acknowledged(TcpSegment segment, int acked, boolean isDuplicate, int highest, long now) {
        unacknowledged = segment.acknowledgment;
        int before = arrived.length();
        int reach = reach(unacknowledged - acked);
        arrived.dropBefore(unacknowledged);
        for (int i = 0; i < segment.sackBlocks; i++) {
            int start = segment.sackStart(i);
            int end = segment.sackEnd(i);
            // Blocks before the acknowledgment report duplicates (RFC 2883).
            if (start - unacknowledged > 0 && end - start > 0 && end - highest <= 0) {
                arrived.add(start, end);
            }
        }
        int news = acked + arrived.length() - before;
        repeating = Math.max(0, repeating - Math.max(0, news - Math.max(0, reach(unacknowledged) - reach)));
        if (acked > 0) {
            advanced(acked, now);
        }
        duplicates = acked > 0 ? 0 : isDuplicate ? duplicates + 1 : duplicates;
        if (!isRecovering) {
            boolean isLost = !arrived.isEmpty() && (isProbed || arrived.last() - unacknowledged > DUPLICATES * mss)
                    || duplicates >= DUPLICATES;
            if (isLost && unacknowledged - recover > 0) {
                begin(highest);
            }
        } else if (repeatedTo - unacknowledged > 0 && reach(unacknowledged) - repeatedAt > DUPLICATES * mss) {
            repeatedTo = unacknowledged;
            repeatedAt = highest;
            repeating = 0;
        }
    }

    /** One behind the highest that is known to have arrived. */
    private int reach(int acknowledged) {
        return arrived.isEmpty() ? acknowledged : arrived.last();
    }

    private void advanced(int acked, long now) {
        isProbed = false;
        isProbeDue = false;
        if (isTiming && unacknowledged - timedSequence >= 0) {
            isTiming = false;
            measured(now - timedSince);
        }
        if (isRecovering) {
            if (unacknowledged - recover >= 0) {
                isRecovering = false;
                repeating = 0;
            } else if (arrived.isEmpty()) {
                repeatedTo = unacknowledged; // A partial acknowledgment: the next one is missing too.
            }
        } else if (congestionWindow < slowStartThreshold) {
            congestionWindow = Math.min(MOST_IN_FLIGHT, congestionWindow + acked);
        } else {
            congestionWindow = Math.min(
                    MOST_IN_FLIGHT, congestionWindow + Math.max(1, (int) ((long) mss * acked / congestionWindow)));
        }
    }

    private void begin(int highest) {
        isRecovering = true;
        recover = highest;
        repeatedTo = unacknowledged;
        repeatedAt = highest;
        repeating = 0;
        reduce(highest - unacknowledged);
        congestionWindow = slowStartThreshold;
        isTiming = false;
    }

    private void reduce(int inFlight) {
        slowStartThreshold = Math.max((int) (inFlight * 0.7), 2 * mss); // RFC 9438, 4.6
    }

    private void measured(long sample) {
        if (smoothed == 0) {
            smoothed = Math.max(1, sample);
            variation = sample / 2;
        } else {
            variation += (Math.abs(smoothed - sample) - variation) / 4;
            smoothed += (sample - smoothed) / 8;
        }
        timeout = Math.clamp(smoothed + 4 * variation, MIN_TIMEOUT, MAX_TIMEOUT);
    }

    /** Measures how long the acknowledgment of a new segment takes, if none is being measured. */
    void timed(int end, long now) {
        if (!isTiming && !isRecovering) {
            isTiming = true;
            timedSequence = end;
            timedSince = now;
        }
    }

    long timeout() {
        return timeout;
    }

    /** How long to wait for an acknowledgment before something is done. */
    long patience(int inFlight) {
        if (smoothed == 0 || isProbed || isRecovering) {
            return timeout;
        }
        return Math.min(timeout, Math.max(MIN_PROBE, 2 * smoothed) + (inFlight <= 2 * mss ? DELAYED_ACK : 0));
    }

    /** Time is up. True when it is worth asking first, by sending the last segment again. */
    boolean probe(int highest) {
        if (isProbed || isRecovering || smoothed == 0 || highest == unacknowledged) {
            return false;
        }
        isProbed = true;
        isProbeDue = true;
        isTiming = false;
        return true;
    }

    /** Doubles the time to wait, and returns it. */
    long backOff() {
        timeout = Math.min(2 * timeout, MAX_TIMEOUT);
        return timeout;
    }

    /** Everything counts as lost, except what is known to have arrived. */
    void timedOut(int inFlight, int highest) {
        reduce(inFlight);
        congestionWindow = mss;
        recover = highest;
        isRecovering = false;
        isProbed = false;
        isProbeDue = false;
        repeating = 0;
        duplicates = 0;
        isTiming = false;
    }

    /** Whether something is to be sent again now, at most {@code most} bytes. */
    boolean plan(int unacknowledged, int highest, int next, int most) {
        if (isProbeDue) {
            length = Math.min(Math.min(mss, most), highest - unacknowledged);
            from = highest - length;
            return true;
        }
        if (!isRecovering || next != highest) {
            return false;
        }
        from = repeatedTo - unacknowledged < 0 ? unacknowledged : repeatedTo;
        if (arrived.isEmpty()) {
            length = Math.min(Math.min(mss, most), highest - from);
            return from == unacknowledged && length > 0;
        }
        int i = arrived.firstBehind(from);
        if (i < arrived.count() && arrived.start(i) - from <= 0) {
            from = arrived.end(i++);
        }
        if (i == arrived.count()) {
            return false;
        }
        int room = congestionWindow - onTheirWay(unacknowledged, highest);
        length = Math.min(arrived.start(i) - from, most);
        if (length > room) {
            length = room >= mss ? room : repeating == 0 ? Math.min(mss, length) : 0;
        }
        return length > 0;
    }

    private int onTheirWay(int unacknowledged, int highest) {
        return highest - reach(unacknowledged) + repeating;
    }

    /** New bytes that may be sent now. */
    int usable(int unacknowledged, int next, int highest) {
        return congestionWindow
                - (isRecovering && !arrived.isEmpty() ? onTheirWay(unacknowledged, highest) : next - unacknowledged);
    }

    /** Where to go on after a time-out: behind what has arrived. */
    int skipArrived(int next) {
        int i = arrived.firstBehind(next);
        return i < arrived.count() && arrived.start(i) - next <= 0 ? arrived.end(i) : next;
    }

    /** What {@link #plan} found was sent. */
    void repeated(int sequence, int span, int highest) {
        if (isProbeDue) {
            isProbeDue = false;
            return;
        }
        repeatedTo = sequence + span;
        repeatedAt = highest;
        repeating += span;
    }

    /** What {@link #plan} found is not there to be sent. */
    void skip() {
        isProbeDue = false;
        repeatedTo = from + Math.max(1, length);
    }
}
