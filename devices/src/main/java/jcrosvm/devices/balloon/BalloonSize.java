package jcrosvm.devices.balloon;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.config.Value;
import jcrosvm.virtio.ControlVerb;
import org.jspecify.annotations.Nullable;

/** How large the balloon shall be, how large it is, and the requests that wait for the two to be the same. Thread-safe. */
final class BalloonSize {
    private static final Value OVERRIDDEN =
            Value.object(List.of(new Value.Entry("ErrString", Value.string("Adjust overriden")))); // crosvm's spelling

    // Guarded by this.
    private int target;
    private int actual;
    private @Nullable CompletableFuture<Value> waiting;

    /** @param target pages */
    BalloonSize(int target) {
        this.target = target;
    }

    /** Pages that the guest shall do without. */
    synchronized int target() {
        return target;
    }

    /** Pages that it does without, as it says. */
    synchronized int actual() {
        return actual;
    }

    /** Sets the target; a request that waits for an earlier one is answered with an error. */
    CompletableFuture<Value> adjust(int pages, boolean wait) {
        CompletableFuture<Value> result = new CompletableFuture<>();
        CompletableFuture<Value> earlier;
        boolean isDone;
        synchronized (this) {
            target = pages;
            earlier = waiting;
            isDone = !wait || actual == pages;
            waiting = isDone ? null : result;
        }
        if (earlier != null) {
            earlier.complete(OVERRIDDEN);
        }
        if (isDone) {
            result.complete(ControlVerb.OK);
        }
        return result;
    }

    /** The guest says how large the balloon is. */
    void actual(int pages) {
        CompletableFuture<Value> done;
        synchronized (this) {
            actual = pages;
            done = pages == target ? waiting : null;
            if (done != null) {
                waiting = null;
            }
        }
        if (done != null) {
            done.complete(ControlVerb.OK);
        }
    }

    /** Fails the request that waits. */
    void fail(String what, int errno) {
        CompletableFuture<Value> failed;
        synchronized (this) {
            failed = waiting;
            waiting = null;
        }
        if (failed != null) {
            failed.completeExceptionally(new OsException(what, errno));
        }
    }

    /** The guest has forgotten its balloon; the target stays. */
    void reset() {
        synchronized (this) {
            actual = 0;
        }
        fail("the balloon's driver is gone", Errno.ENOTCONN);
    }

    synchronized void restore(int newTarget, int newActual) {
        target = newTarget;
        actual = newActual;
    }
}
