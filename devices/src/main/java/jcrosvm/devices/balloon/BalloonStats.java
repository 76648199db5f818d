package jcrosvm.devices.balloon;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.config.Value;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.Reader;
import jcrosvm.virtio.Virtqueue;

/**
 * The statistics queue (virtio 1.3, 5.5.6.3): the driver's one buffer stays in the ring until a request asks. Handing it
 * back makes the driver fill it again. The worker's thread only, except for {@link #fail}.
 */
final class BalloonStats {
    /** In the order of the tags; the last two are crosvm's own, which no tag of the specification stands for. */
    private static final List<String> NAMES = List.of(
            "swap_in",
            "swap_out",
            "major_faults",
            "minor_faults",
            "free_memory",
            "total_memory",
            "available_memory",
            "disk_caches",
            "hugetlb_allocations",
            "hugetlb_failures",
            "shared_memory",
            "unevictable_memory");

    private static final int TAGS = 10;
    private static final int ENTRY = 10;
    private static final int MAX_ENTRIES = 256;
    private static final int MAX_WAITING = 1024;

    private final BalloonSize size;
    private final List<CompletableFuture<Value>> waiting = new ArrayList<>(); // guarded by itself
    private final long[] values = new long[TAGS];
    private final boolean[] present = new boolean[TAGS];
    private boolean isAsked;

    BalloonStats(BalloonSize size) {
        this.size = size;
    }

    /** Asks the driver, unless it was asked already. */
    void ask(Virtqueue queue, CompletableFuture<Value> result) {
        boolean isFirst;
        synchronized (waiting) {
            isFirst = waiting.isEmpty();
            // Clients may come, ask and go, while the driver does not answer.
            if (waiting.size() < MAX_WAITING) {
                waiting.add(result);
            } else {
                result.completeExceptionally(new OsException("balloon statistics", Errno.EBUSY));
            }
        }
        if (isFirst || !isAsked) {
            isAsked = true;
            DescriptorChain stale = queue.pop();
            if (stale != null) {
                queue.complete(stale, 0);
                queue.flush();
            }
            if (queue.enableNotifications()) {
                process(queue);
            }
        }
    }

    /** The driver has made a buffer available. */
    void process(Virtqueue queue) {
        if (!isAsked) {
            return; // it waits in the ring for a request
        }
        DescriptorChain chain = queue.pop();
        if (chain == null) {
            return;
        }
        read(chain.readable());
        queue.unpop(chain);
        isAsked = false;
        Value reply = reply();
        finish(() -> reply);
    }

    private void read(Reader from) {
        Arrays.fill(present, false);
        for (int i = 0; i < MAX_ENTRIES && from.remaining() >= ENTRY; i++) {
            int tag = from.getShort();
            long value = from.getLong();
            if (tag < TAGS) {
                values[tag] = value;
                present[tag] = true;
            }
        }
    }

    private Value reply() {
        List<Value.Entry> stats = new ArrayList<>();
        for (int i = 0; i < NAMES.size(); i++) {
            boolean known = i < TAGS && present[i];
            stats.add(new Value.Entry(
                    NAMES.get(i), known ? Value.literal(Long.toUnsignedString(values[i])) : Value.ofNull()));
        }
        long actual = (size.actual() & 0xffffffffL) << PageRelease.PAGE_SHIFT;
        Value all = Value.object(List.of(
                new Value.Entry("stats", Value.object(stats)),
                new Value.Entry("balloon_actual", Value.literal(Long.toString(actual)))));
        return Value.object(List.of(new Value.Entry("BalloonStats", all)));
    }

    /** The queue is gone, and with it what the driver was asked. */
    void stopped() {
        isAsked = false;
    }

    /** Fails the requests that wait. From any thread. */
    void fail(String what, int errno) {
        finish(() -> {
            throw new OsException(what, errno);
        });
    }

    private void finish(Supplier<Value> reply) {
        List<CompletableFuture<Value>> done;
        synchronized (waiting) {
            done = List.copyOf(waiting);
            waiting.clear();
        }
        for (CompletableFuture<Value> each : done) {
            try {
                each.complete(reply.get());
            } catch (OsException e) {
                each.completeExceptionally(e);
            }
        }
    }
}
