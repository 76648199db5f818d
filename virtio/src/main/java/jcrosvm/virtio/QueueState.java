package jcrosvm.virtio;

/**
 * Where a queue stands, to start it again from there.
 *
 * @param available position of the next request to take: the index of a split ring; the slot of a packed ring, with the
 *     wrap counter in bit 15
 * @param used position of the next completion to write, in the same form
 */
public record QueueState(int available, int used) {
    /** A split ring that was never used. */
    public static final QueueState SPLIT = new QueueState(0, 0);

    /** A packed ring that was never used: both wrap counters are one. */
    public static final QueueState PACKED = new QueueState(1 << 15, 1 << 15);
}
