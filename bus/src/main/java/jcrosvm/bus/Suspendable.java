package jcrosvm.bus;

/** A device that does something without being asked (timers, input) and must be able to hold still. */
public interface Suspendable {
    /** Idempotent. On return nothing happens any more until {@link #resume()}. */
    void suspend();

    /** Idempotent. */
    void resume();
}
