package jcrosvm.base.io;

import jcrosvm.base.LimitedLog;
import org.jspecify.annotations.Nullable;

/**
 * One thread that waits for descriptors to become readable. It exists from the first of them on: most need none.
 * Thread-safe.
 *
 * <p>A {@link RuntimeException} of an action is logged, and that event is lost; the descriptor is watched on, as all
 * others are. An {@link Error} ends the thread, and so the VM.
 */
public final class EventThread implements AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(EventThread.class);
    private static final long STACK = 512 << 10;

    private final ThreadScope scope = ThreadScope.current();
    private final String name;
    private @Nullable Poller poller; // all guarded by this
    private @Nullable EventFd end;
    private @Nullable Thread thread;
    private boolean closed;

    public EventThread(String name) {
        this.name = name;
    }

    /** @param ready runs on the thread, and must make the descriptor unreadable before it does what may throw */
    public synchronized void add(Fd fd, Runnable ready) {
        if (closed) {
            throw new IllegalStateException(name + " has ended");
        }
        Poller started = poller;
        if (started == null) {
            started = start();
            poller = started;
        }
        started.add(fd, Poller.READABLE, events -> run(ready));
    }

    private void run(Runnable ready) {
        try {
            ready.run();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "an event of thread '" + name + "' is lost: " + e, e);
        }
    }

    /** The same for an event, which is drained before the action runs. */
    public void add(EventFd event, Runnable action) {
        add(event.fd(), () -> {
            event.drain();
            action.run();
        });
    }

    /** What is removed may run once more if it is running now. */
    public synchronized void remove(Fd fd) {
        if (poller != null && !closed) {
            poller.remove(fd);
        }
    }

    private Poller start() {
        Poller started = new Poller();
        EventFd ended = new EventFd();
        started.add(
                ended.fd(), Poller.READABLE, events -> Thread.currentThread().interrupt());
        Thread made = scope.unstarted(name, STACK, () -> loop(started, ended));
        made.start();
        end = ended;
        thread = made;
        return started;
    }

    private void loop(Poller started, EventFd ended) {
        try {
            while (!Thread.currentThread().isInterrupted()) {
                started.poll(-1);
            }
        } finally {
            synchronized (this) {
                closed = true;
                started.close();
                ended.close();
            }
        }
    }

    /** Ends the thread and waits for it, unless called on it. */
    @Override
    public void close() {
        Thread running;
        synchronized (this) {
            running = thread;
            if (!closed && end != null) {
                end.signal();
            }
            closed = true;
        }
        if (running != null) {
            Threads.join(running);
        }
    }
}
