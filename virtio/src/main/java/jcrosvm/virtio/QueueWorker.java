package jcrosvm.virtio;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.base.io.Threads;
import jcrosvm.memory.GuestMemoryException;
import org.jspecify.annotations.Nullable;

/**
 * A platform thread that works on queues of one device: the only loop that devices have. What handlers do runs on it,
 * so handlers of one worker need no locks among themselves.
 *
 * <p>Whatever a handler or a task throws, the thread goes on, but for errors of the Java machine, such as a lack of
 * memory: they end it, and the VM. A queue whose handler threw is not worked on any more, but can still be stopped; the
 * other queues are not touched. So it is with an {@link InternalError}: an access behind the end of a file whose owner has cut
 * it short.
 *
 * <p>The thread starts with the first queue or task: many devices of a machine never get a driver.
 */
public final class QueueWorker implements AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(QueueWorker.class);

    private static final class Work {
        final QueueResources resources;
        final Virtqueue queue;
        final QueueHandler handler;
        final Runnable turn;
        boolean failed;
        boolean isWaiting; // for its turn

        Work(QueueResources resources, QueueHandler handler, QueueWorker worker) {
            this.resources = resources;
            queue = resources.open();
            this.handler = handler;
            turn = () -> worker.turn(this);
        }
    }

    private final Poller poller = new Poller();
    private final EventFd wake = new EventFd();
    private final Map<Integer, Work> queues = new HashMap<>(); // of the thread
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>(); // guarded by itself
    private final ThreadScope scope = ThreadScope.current();
    private final String name;
    private volatile @Nullable Thread thread; // set once, under the lock of tasks
    private boolean closing; // of the thread
    private boolean ended; // guarded by tasks

    /** @param name of the thread: {@code block0} */
    public QueueWorker(String name) {
        this.name = name;
        poller.add(wake.fd(), Poller.READABLE, events -> {
            wake.drain();
            runTasks();
        });
    }

    private void loop() {
        try {
            while (!closing) {
                poll();
            }
        } finally {
            synchronized (tasks) {
                ended = true;
                wake.close();
            }
            while (waiting() > 0) {
                runTasks(); // that came too late: their callers must not wait for ever
            }
            poller.close();
        }
    }

    private void poll() {
        try {
            poller.poll(-1);
        } catch (OutOfMemoryError | StackOverflowError e) {
            throw e;
        } catch (RuntimeException | Error e) {
            // Of a descriptor of the device's own, which the poller has removed: the device is not complete now.
            LOG.log(System.Logger.Level.ERROR, name + " has failed", e);
            queues.values().forEach(work -> fail(work, e));
        }
    }

    /** Runs those that are there: what they add waits until descriptors had their turn. */
    private void runTasks() {
        int count;
        synchronized (tasks) {
            count = tasks.size();
        }
        for (int i = 0; i < count; i++) {
            Runnable task;
            synchronized (tasks) {
                task = tasks.poll();
            }
            if (task == null) {
                return;
            }
            try {
                task.run();
            } catch (OutOfMemoryError | StackOverflowError e) {
                throw e;
            } catch (RuntimeException | Error e) {
                LOG.log(System.Logger.Level.ERROR, name + ": a task failed", e);
            }
        }
    }

    /**
     * Where descriptors of the device's own are watched: from this worker's thread only, or before it starts. A handler
     * that throws takes all queues of the worker out of work.
     */
    public Poller poller() {
        return poller;
    }

    /** Whether the thread was started: before that, nothing of the worker can be in use. */
    public boolean isStarted() {
        return thread != null;
    }

    /** Runs a task on the thread, soon; starts it. Dropped when the worker is closed. */
    public void execute(Runnable task) {
        if (!enqueue(task)) {
            LOG.log(System.Logger.Level.DEBUG, "a task for a closed worker");
        }
    }

    private boolean enqueue(Runnable task) {
        synchronized (tasks) {
            if (ended) {
                return false;
            }
            tasks.add(task);
            if (thread == null) {
                thread = scope.start(name, this::loop);
            }
            wake.signal();
            return true;
        }
    }

    /** Runs a task on the thread and waits for it; here when there is no thread yet, or none any more. */
    public <T extends @Nullable Object> T perform(Supplier<T> task) {
        return isStarted() ? call(task, task) : task.get();
    }

    /** Runs a task on the thread and waits for it; {@code otherwise} runs here when the worker is closed. */
    private <T extends @Nullable Object> T call(Supplier<T> task, Supplier<T> otherwise) {
        if (Thread.currentThread() == thread) {
            return task.get();
        }
        CompletableFuture<T> result = new CompletableFuture<>();
        boolean accepted = enqueue(() -> {
            try {
                result.complete(task.get());
            } catch (RuntimeException | Error e) {
                result.completeExceptionally(e);
                if (e instanceof OutOfMemoryError || e instanceof StackOverflowError) {
                    throw e;
                }
            }
        });
        if (!accepted) {
            return otherwise.get();
        }
        try {
            return result.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /**
     * Begins to work on a queue.
     *
     * @return its ring
     * @throws IllegalStateException when the queue was started already, or the worker is closed
     */
    public Virtqueue start(QueueResources resources, QueueHandler handler) {
        return call(() -> startHere(resources, handler), this::refuse);
    }

    private Virtqueue refuse() {
        throw new IllegalStateException(name + " is closed");
    }

    private Virtqueue startHere(QueueResources resources, QueueHandler handler) {
        int index = resources.index();
        if (closing) {
            return refuse();
        }
        if (queues.containsKey(index)) {
            throw new IllegalStateException(name + ": queue " + index + " was started already");
        }
        Work work = new Work(resources, handler, this);
        poller.add(resources.kick().fd(), Poller.READABLE, events -> {
            resources.kick().drain();
            process(work);
        });
        queues.put(index, work);
        process(work);
        return work.queue;
    }

    private void process(Work work) {
        if (work.failed) {
            return;
        }
        try {
            work.handler.process(work.queue);
        } catch (OutOfMemoryError | StackOverflowError e) {
            throw e;
        } catch (RuntimeException | Error e) {
            fail(work, e);
        }
    }

    /**
     * Looks at a queue again when all others, and descriptors, had their turn; for handlers, on the worker's thread. A
     * queue has one turn, however often this is asked for.
     */
    public void again(int queue) {
        Work work = queues.get(queue);
        if (work != null && !work.isWaiting) {
            work.isWaiting = true;
            execute(work.turn);
        }
    }

    private void turn(Work work) {
        work.isWaiting = false;
        if (work.equals(queues.get(work.resources.index()))) {
            process(work);
        }
    }

    /** How many tasks wait. From any thread. */
    int waiting() {
        synchronized (tasks) {
            return tasks.size();
        }
    }

    /** Looks at a queue again without a kick; for handlers, on the worker's thread. */
    public void process(int queue) {
        Work work = queues.get(queue);
        if (work != null) {
            process(work);
        }
    }

    /**
     * Takes a queue out of work after an error of the driver, or of ours: the VM goes on, the device needs a reset. For
     * handlers, on the worker's thread; once is enough, but more do no harm.
     */
    public void fail(QueueResources resources, RuntimeException error) {
        Work work = queues.get(resources.index());
        if (work != null && work.resources.equals(resources)) {
            fail(work, error);
        }
    }

    private void fail(Work work, Throwable error) {
        if (work.failed) {
            return;
        }
        work.failed = true;
        String message = name + " stops working on queue " + work.resources.index() + " until its driver resets it: ";
        if (error instanceof DescriptorException || error instanceof GuestMemoryException) {
            LOG.log(System.Logger.Level.WARNING, message + error.getMessage());
        } else {
            LOG.log(System.Logger.Level.ERROR, message + error, error);
        }
        poller.remove(work.resources.kick().fd());
        try {
            work.resources.interrupt().failed();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, name + " cannot reach its driver", e);
        }
    }

    /**
     * Ends the work on a queue and waits until nothing of it is in flight.
     *
     * @return where it stands, or null when it was not started, or the worker is closed
     */
    public @Nullable QueueState stop(int queue) {
        if (!isStarted()) {
            return null;
        }
        return this.<@Nullable QueueState>call(() -> stopHere(queue), () -> null);
    }

    private @Nullable QueueState stopHere(int queue) {
        Work work = queues.get(queue);
        if (work == null) {
            return null;
        }
        poller.remove(work.resources.kick().fd());
        try {
            work.handler.drain(work.queue);
            work.queue.flush();
        } catch (OutOfMemoryError | StackOverflowError e) {
            throw e;
        } catch (RuntimeException | Error e) {
            fail(work, e);
        }
        queues.remove(queue);
        return work.queue.stop();
    }

    /** Ends the thread; its queues are stopped. On the worker's own thread it only begins to end. */
    @Override
    public void close() {
        synchronized (tasks) {
            if (thread == null && !ended) {
                ended = true;
                wake.close();
                poller.close();
            }
        }
        Thread running = thread;
        if (running == null) {
            return;
        }
        execute(() -> closing = true);
        if (Thread.currentThread() != running) {
            Threads.join(running);
        }
    }
}
