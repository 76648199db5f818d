package jcrosvm.base.io;

import java.util.function.Supplier;

/**
 * The threads of one VM, which fail as a whole: a throwable that ends one of them is told to the scope's owner. All
 * threads of the program are started here.
 *
 * <p>Code that runs in a scope starts its threads in it, and so do these. Outside of any scope there is the process's,
 * whose failures are uncaught exceptions.
 */
public final class ThreadScope {
    /** The owner of a scope. */
    @FunctionalInterface
    public interface Owner {
        /**
         * A thread ends with a throwable; called on it, perhaps on several. There may be no memory left: what matters
         * must be done first, and must allocate nothing.
         */
        void threadFailed(Thread thread, Throwable error);
    }

    private static final ScopedValue<ThreadScope> CURRENT = ScopedValue.newInstance();
    private static final ThreadScope PROCESS = new ThreadScope(
            (thread, error) -> thread.getUncaughtExceptionHandler().uncaughtException(thread, error));

    private final Owner owner;

    public ThreadScope(Owner owner) {
        this.owner = owner;
    }

    /** The scope that the calling code runs in. To be asked when an object is made: its methods may run anywhere. */
    public static ThreadScope current() {
        return CURRENT.orElse(PROCESS);
    }

    /** Runs code in this scope, on the calling thread; what it throws is the caller's. */
    public <T> T call(Supplier<T> body) {
        return ScopedValue.where(CURRENT, this).call(body::get);
    }

    /** Starts a thread, which does not keep the process alive. */
    public Thread start(String name, Runnable body) {
        Thread thread = unstarted(name, 0, body);
        thread.start();
        return thread;
    }

    /**
     * A thread to start later. It may run on all CPUs of the process, also when the thread that makes it is pinned:
     * devices start their threads when they first need them, which is often on a vCPU's thread.
     *
     * @param stackSize in bytes; 0 for the default
     */
    public Thread unstarted(String name, long stackSize, Runnable body) {
        return Thread.ofPlatform().name(name).stackSize(stackSize).daemon().unstarted(() -> run(body));
    }

    private void run(Runnable body) {
        try {
            Threads.unpin();
            ScopedValue.where(CURRENT, this).run(body);
        } catch (Throwable e) {
            owner.threadFailed(Thread.currentThread(), e);
        }
    }
}
