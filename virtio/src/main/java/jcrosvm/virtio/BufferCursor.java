package jcrosvm.virtio;

import jcrosvm.base.io.IoVec;

/** A position in a row of guest buffers that hides where one ends and the next begins. */
abstract sealed class BufferCursor permits Reader, Writer {
    final DescriptorChain chain;
    private int first;
    private int end;
    private int buffer;
    private long offset;
    private long remaining;

    BufferCursor(DescriptorChain chain) {
        this.chain = chain;
    }

    void reset(int from, int to) {
        first = from;
        end = to;
        rewind();
    }

    /** Goes back to the beginning. */
    public void rewind() {
        buffer = first;
        offset = 0;
        remaining = 0;
        for (int i = first; i < end; i++) {
            remaining += chain.lengths[i] & 0xffffffffL;
        }
    }

    /** Bytes from here to the end. */
    public long remaining() {
        return remaining;
    }

    /** Pieces of guest memory from here to the end. */
    public int pieces() {
        return end - buffer;
    }

    /** @throws DescriptorException when fewer bytes are left */
    public void skip(long bytes) {
        need(bytes);
        for (long left = bytes; left > 0; ) {
            left -= take(left);
        }
    }

    /**
     * Appends the next bytes to a list for the operating system, as guest memory, and goes behind them.
     *
     * @throws DescriptorException when fewer bytes are left, or the list is full
     */
    public void collect(IoVec into, long bytes) {
        need(bytes);
        for (long left = bytes; left > 0; ) {
            if (into.count() == into.capacity()) {
                throw new DescriptorException("the request has more than " + into.capacity() + " pieces");
            }
            long at = address();
            long n = take(left);
            chain.memory.addTo(into, at, n);
            left -= n;
        }
    }

    /**
     * As {@link #collect}, but stays where it is.
     *
     * @throws DescriptorException when fewer bytes are left
     */
    public void peek(IoVec into, long bytes) {
        int atBuffer = buffer;
        long atOffset = offset;
        long atRemaining = remaining;
        collect(into, bytes);
        buffer = atBuffer;
        offset = atOffset;
        remaining = atRemaining;
    }

    final void need(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException(bytes + " bytes");
        }
        if (bytes > remaining) {
            throw new DescriptorException("the request is " + (bytes - remaining) + " bytes too short");
        }
    }

    /** Guest address here; only where something remains. */
    public final long address() {
        return chain.addresses[buffer] + offset;
    }

    /** Bytes that lie together from here on. */
    public final long together() {
        return (chain.lengths[buffer] & 0xffffffffL) - offset;
    }

    /** Advances within the buffer, at most {@code limit} bytes; how many. */
    final long take(long limit) {
        long n = Math.min(limit, together());
        offset += n;
        remaining -= n;
        if (offset == (chain.lengths[buffer] & 0xffffffffL)) {
            buffer++;
            offset = 0;
        }
        return n;
    }
}
