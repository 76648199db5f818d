package jcrosvm.sandbox;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.SpawnedProcess;
import jcrosvm.base.io.ThreadScope;
import org.jspecify.annotations.Nullable;

/**
 * A process that this one has started. One thread of this process belongs to it from before its start until after its
 * end: Linux takes that thread for its parent, and a child that asks for it is killed when its parent ends. Thread-safe.
 */
public final class ChildProcess {
    private static final LimitedLog LOG = LimitedLog.of(ChildProcess.class);
    private static final long STACK = 512 << 10;

    /** All of it. Nothing of the user's would do more than change how Java or the C library behave. */
    private static final List<String> ENVIRONMENT = List.of("LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin");

    private final Poller poller = new Poller();
    private final SpawnedProcess process;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final List<Runnable> onEnd = new ArrayList<>(); // guarded by this
    private SpawnedProcess.@Nullable Ending ending; // guarded by this

    private ChildProcess(SpawnedProcess process) {
        this.process = process;
    }

    /**
     * Starts one.
     *
     * @param name of its thread in this process
     * @param arguments for the command's main class
     * @param descriptors which it has as 0, 1, 2 and so on, and no others; they stay the caller's
     * @throws VmmException when it cannot be started
     */
    public static ChildProcess start(
            String name, ProgramCommand command, List<String> arguments, List<Fd> descriptors) {
        List<String> words = new ArrayList<>(command.arguments());
        words.addAll(arguments);
        CompletableFuture<ChildProcess> started = new CompletableFuture<>();
        ThreadScope.current()
                .unstarted(name, STACK, () -> {
                    ChildProcess child;
                    try {
                        child = new ChildProcess(
                                SpawnedProcess.start(command.program(), words, ENVIRONMENT, descriptors));
                    } catch (RuntimeException | Error e) {
                        started.completeExceptionally(e);
                        return;
                    }
                    started.complete(child);
                    child.attend();
                })
                .start();
        try {
            return started.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof VmmException cause) {
                throw cause;
            }
            throw e;
        }
    }

    private void attend() {
        boolean[] isOver = {false};
        poller.add(process.fd(), Poller.READABLE, events -> isOver[0] = true);
        while (!isOver[0]) {
            try {
                poller.poll(-1);
            } catch (RuntimeException e) {
                LOG.log(System.Logger.Level.ERROR, "an event of process " + pid() + " is lost: " + e, e);
            }
        }
        List<Runnable> actions;
        synchronized (this) {
            ending = process.reap();
            process.close();
            poller.close();
            actions = List.copyOf(onEnd);
        }
        ended.countDown();
        actions.forEach(Runnable::run);
    }

    public int pid() {
        return process.pid();
    }

    /** Has the child's thread handle what comes from a descriptor, until the child has ended. */
    public synchronized void watch(Fd fd, Poller.Handler handler) {
        if (ending == null) {
            poller.add(fd, Poller.READABLE, handler);
        }
    }

    /** Ends what {@link #watch} began; the handler may run once more. To be called before the descriptor is closed. */
    public synchronized void unwatch(Fd fd) {
        if (ending == null) {
            poller.remove(fd);
        }
    }

    /** Has something done when the child has ended, on its thread; at once when it has. */
    public void onEnd(Runnable action) {
        synchronized (this) {
            if (ending == null) {
                onEnd.add(action);
                return;
            }
        }
        action.run();
    }

    /** How it ended; null while it runs. */
    public synchronized SpawnedProcess.@Nullable Ending ending() {
        return ending;
    }

    /** Ends it by force; {@link #await} tells when it has. */
    public synchronized void kill() {
        if (ending == null) {
            process.signal(SpawnedProcess.SIGKILL);
        }
    }

    /**
     * Waits for its end, after which nothing of it is left.
     *
     * @return false when it still runs after that time
     */
    public boolean await(long millis) {
        boolean interrupted = false;
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        try {
            while (true) {
                try {
                    return ended.await(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
