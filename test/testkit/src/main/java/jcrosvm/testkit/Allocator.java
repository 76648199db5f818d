package jcrosvm.testkit;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;

/** Hands out ranges of guest memory and takes them back; equal sizes use each other's again. Thread-safe. */
final class Allocator {
    private final long end;
    private final Map<Long, Long> sizes = new HashMap<>();
    private final Map<Long, ArrayDeque<Long>> free = new HashMap<>();
    private long next;

    Allocator(long start, long end) {
        next = start;
        this.end = end;
    }

    /** Small ranges have few different sizes, so that they fit each other. */
    private static long rounded(long length) {
        return length <= 16 ? 16 : length <= 65536 ? Long.highestOneBit(length - 1) << 1 : length;
    }

    synchronized long allocate(long length, long alignment) {
        long size = rounded(length);
        ArrayDeque<Long> fitting = free.get(size);
        if (fitting != null && !fitting.isEmpty() && (fitting.peekLast() & alignment - 1) == 0) {
            long at = fitting.removeLast();
            sizes.put(at, size);
            return at;
        }
        long at = next + alignment - 1 & -alignment;
        if (at + size > end) {
            throw new IllegalStateException("the mock driver's memory is used up: free what came back");
        }
        next = at + size;
        sizes.put(at, size);
        return at;
    }

    synchronized void free(long at) {
        Long size = sizes.remove(at);
        if (size == null) {
            throw new IllegalStateException("nothing was allocated at 0x%x".formatted(at));
        }
        free.computeIfAbsent(size, any -> new ArrayDeque<>()).add(at);
    }
}
