package jcrosvm.hypervisor.soft.apic;

import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.Threads;
import org.jspecify.annotations.Nullable;

/** One thread that waits for descriptors to become readable. It exists from the first of them on. Thread-safe. */
public final class EventThread implements AutoCloseable {
    private static final long STACK = 512 << 10;

    private final String name;
    private @Nullable Poller poller; // all guarded by this
    private @Nullable EventFd end;
    private @Nullable Thread thread;
    private boolean closed;

    public EventThread(String name) {
        this.name = name;
    }

    /** @param ready runs on the thread, and must make the descriptor unreadable */
    public synchronized void add(Fd fd, Runnable ready) {
        if (closed) {
            throw new IllegalStateException(name + " has ended");
        }
        Poller started = poller;
        if (started == null) {
            started = start();
            poller = started;
        }
        started.add(fd, Poller.READABLE, events -> ready.run());
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
        end = ended;
        Thread made = Threads.daemon(name, STACK, () -> loop(started, ended));
        made.start();
        thread = made;
        return started;
    }

    private void loop(Poller started, EventFd ended) {
        try {
            while (!Thread.currentThread().isInterrupted()) {
                try {
                    started.poll(-1);
                } catch (RuntimeException e) {
                    // One event's failure must not end all others.
                    System.getLogger(EventThread.class.getName()).log(System.Logger.Level.WARNING, name + ": " + e);
                }
            }
        } finally {
            synchronized (this) {
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
        if (running == null || running == Thread.currentThread()) {
            return;
        }
        boolean interrupted = false;
        while (running.isAlive()) {
            try {
                running.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
