package jcrosvm.network.user;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** The memory of all TCP connections of a network: rings are made up to a limit, and used again and again. */
final class RingPool {
    private final ArrayDeque<ByteRing> idle = new ArrayDeque<>();
    private final int ringSize;
    private int left;

    RingPool(int ringSize, int rings) {
        this.ringSize = ringSize;
        left = rings;
    }

    int ringSize() {
        return ringSize;
    }

    /** An empty ring, or null when all are in use. */
    @Nullable
    ByteRing take() {
        ByteRing ring = idle.pollLast();
        if (ring != null) {
            ring.clear();
            return ring;
        }
        if (left == 0) {
            return null;
        }
        try {
            left--;
            return new ByteRing(ringSize);
        } catch (OutOfMemoryError e) {
            left = 0; // The process's limit for buffers; those that there are have to do.
            return null;
        }
    }

    void give(ByteRing ring) {
        idle.addLast(ring);
    }
}
