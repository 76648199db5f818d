package jcrosvm.network.user;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import jcrosvm.base.io.IoVec;

/** A ring of bytes for one direction of a TCP connection; its size is a power of two. */
final class ByteRing {
    private final ByteBuffer bytes;
    private final MemorySegment segment;
    private final int mask;
    private int head;
    private int count;

    ByteRing(int capacity) {
        bytes = ByteBuffer.allocateDirect(capacity);
        segment = MemorySegment.ofBuffer(bytes);
        mask = capacity - 1;
    }

    void clear() {
        head = 0;
        count = 0;
    }

    int count() {
        return count;
    }

    int free() {
        return mask + 1 - count;
    }

    /** Places bytes behind the first {@code offset} ones, without counting them. They must fit. */
    void place(int offset, ByteBuffer from, int at, int length) {
        int start = head + offset & mask;
        int first = Math.min(length, mask + 1 - start);
        bytes.clear();
        bytes.put(start, from, at, first);
        bytes.put(0, from, at + first, length - first);
    }

    /** Counts bytes that were placed. */
    void extend(int length) {
        count += length;
    }

    /** Forgets bytes at the front. */
    void consume(int length) {
        head = head + length & mask;
        count -= length;
    }

    /** Reads as much as there is room for; -1 at the end of the stream when nothing was read. */
    int readFrom(ReadableByteChannel channel) throws IOException {
        int total = 0;
        while (count <= mask) {
            int start = head + count & mask;
            int room = Math.min(free(), mask + 1 - start);
            bytes.limit(start + room).position(start);
            int n = channel.read(bytes);
            if (n < 0) {
                return total == 0 ? -1 : total;
            }
            count += n;
            total += n;
            if (n < room) {
                break;
            }
        }
        return total;
    }

    /** Writes and forgets as much as the channel takes. */
    int writeTo(WritableByteChannel channel) throws IOException {
        int total = 0;
        while (count > 0) {
            int length = Math.min(count, mask + 1 - head);
            bytes.limit(head + length).position(head);
            int n = channel.write(bytes);
            consume(n);
            total += n;
            if (n < length) {
                break;
            }
        }
        return total;
    }

    void copyTo(int offset, IoVec into, long position, int length) {
        int start = head + offset & mask;
        int first = Math.min(length, mask + 1 - start);
        into.copyIn(position, segment, start, first);
        if (first < length) {
            into.copyIn(position + first, segment, 0, length - first);
        }
    }

    /** Checksum of a range, as if it began at an even place. */
    long sum(int offset, int length) {
        int start = head + offset & mask;
        int first = Math.min(length, mask + 1 - start);
        bytes.clear();
        long sum = Checksum.sum(bytes, start, first);
        if (first < length) {
            long second = Checksum.sum(bytes, 0, length - first);
            // Behind an odd number of bytes, each byte stands in the other half of its word (RFC 1071, 2).
            sum += (first & 1) == 0 ? second : Integer.reverseBytes(Checksum.fold(second)) >>> 16;
        }
        return sum;
    }
}
