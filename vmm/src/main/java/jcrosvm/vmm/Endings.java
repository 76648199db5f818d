package jcrosvm.vmm;

import org.jspecify.annotations.Nullable;

/**
 * How the machines of a VM end, in order, each way once however often it is told before it is looked at. Thread-safe.
 * To add allocates nothing: a lack of memory is one of the ways.
 */
final class Endings {
    private final VmExit[] waiting = new VmExit[VmExit.values().length]; // all guarded by this
    private int count;

    synchronized void add(VmExit how) {
        for (int i = 0; i < count; i++) {
            if (waiting[i] == how) {
                return;
            }
        }
        waiting[count++] = how;
        notifyAll();
    }

    synchronized boolean isEmpty() {
        return count == 0;
    }

    /** Waits for the next. */
    synchronized VmExit take() throws InterruptedException {
        while (count == 0) {
            wait();
        }
        VmExit first = waiting[0];
        System.arraycopy(waiting, 1, waiting, 0, --count);
        return first;
    }

    /** Waits for the next so long; null when there is none. */
    synchronized @Nullable VmExit poll(long millis) throws InterruptedException {
        long deadline = System.nanoTime() + millis * 1_000_000;
        for (long left; count == 0 && (left = deadline - System.nanoTime()) > 0; ) {
            wait(left / 1_000_000 + 1);
        }
        return count == 0 ? null : take();
    }
}
