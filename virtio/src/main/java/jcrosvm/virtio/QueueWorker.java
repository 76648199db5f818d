package jcrosvm.virtio;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Poller;
import org.jspecify.annotations.Nullable;

/**
 * A platform thread that works on queues of one device: the only loop that devices have. What handlers do runs on it,
 * so handlers of one worker need no locks among themselves.
 */
public final class QueueWorker implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(QueueWorker.class.getName());

    private record Work(QueueResources resources, QueueHandler handler) {}

    private final Poller poller = new Poller();
    private final EventFd wake = new EventFd();
    private final Map<Integer, Work> queues = new HashMap<>(); // of the thread
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>(); // guarded by itself
    private final Thread thread;
    private boolean closing; // of the thread

    /** @param name of the thread: {@code block0} */
    public QueueWorker(String name) {
        poller.add(wake.fd(), Poller.READABLE, events -> {
            wake.drain();
            runTasks();
        });
        thread = Thread.ofPlatform().name(name).daemon().start(this::loop);
    }

    private void loop() {
        while (!closing) {
            poller.poll(-1);
        }
        runTasks(); // that came too late: nobody must wait for ever
        poller.close();
        wake.close();
    }

    private void runTasks() {
        while (true) {
            Runnable task;
            synchronized (tasks) {
                task = tasks.poll();
            }
            if (task == null) {
                return;
            }
            task.run();
        }
    }

    /** Where descriptors of the device's own are watched: from this worker's thread only. */
    public Poller poller() {
        return poller;
    }

    /** Runs a task on the thread, soon. Dropped when the worker is closed. */
    public void execute(Runnable task) {
        synchronized (tasks) {
            tasks.add(task);
        }
        try {
            wake.signal();
        } catch (IllegalStateException closed) {
            LOG.log(System.Logger.Level.DEBUG, "task for a closed worker");
        }
    }

    private <T> T call(Supplier<T> task) {
        if (Thread.currentThread() == thread) {
            return task.get();
        }
        CompletableFuture<T> result = new CompletableFuture<>();
        execute(() -> {
            try {
                result.complete(task.get());
            } catch (RuntimeException | Error e) {
                result.completeExceptionally(e);
            }
        });
        return result.join();
    }

    /** Begins to work on a queue. */
    public void start(QueueResources resources, QueueHandler handler) {
        call(() -> {
            Work work = new Work(resources, handler);
            queues.put(resources.queue().index(), work);
            poller.add(resources.kick().fd(), Poller.READABLE, events -> {
                resources.kick().drain();
                process(work);
            });
            process(work);
            return 0;
        });
    }

    private void process(Work work) {
        try {
            work.handler.process(work.resources.queue());
        } catch (RuntimeException e) {
            fail(work.resources, e);
        }
    }

    /** Looks at a queue again, although nobody kicked; for handlers, on the worker's thread. */
    public void process(int queue) {
        Work work = queues.get(queue);
        if (work != null) {
            process(work);
        }
    }

    /** Takes a queue out of work after an error of the driver, or of ours: the VM goes on, the device needs a reset. */
    public void fail(QueueResources resources, RuntimeException error) {
        System.Logger.Level level =
                error instanceof DescriptorException ? System.Logger.Level.WARNING : System.Logger.Level.ERROR;
        LOG.log(level, thread.getName() + " stops working until its driver resets it", error);
        poller.remove(resources.kick().fd());
        resources.interrupt().signalFailed();
    }

    /**
     * Ends the work on a queue and waits until nothing of it is in flight.
     *
     * @return where it stands, or null when it was not started
     */
    public @Nullable QueueState stop(int queue) {
        return call(() -> {
            Work work = queues.remove(queue);
            if (work == null) {
                return null;
            }
            poller.remove(work.resources.kick().fd());
            try {
                work.handler.drain(work.resources.queue());
                work.resources.queue().flush();
            } catch (RuntimeException e) {
                fail(work.resources, e);
            }
            return work.resources.queue().state();
        });
    }

    /** Ends the thread; its queues are stopped. */
    @Override
    public void close() {
        execute(() -> closing = true);
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
