package jcrosvm.vmm;

import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.Threads;
import org.jspecify.annotations.Nullable;

/** A thread that watches events for the machine. Starts with the first one: most machines need none. */
final class EventThread implements AutoCloseable {
    private @Nullable Poller poller; // all guarded by this
    private @Nullable EventFd quit;
    private @Nullable Thread thread;
    private volatile boolean closing;

    synchronized void watch(EventFd event, Runnable action) {
        Poller p = poller;
        if (p == null) {
            p = new Poller();
            EventFd end = new EventFd();
            p.add(end.fd(), Poller.READABLE, ready -> end.drain());
            poller = p;
            quit = end;
            Poller watched = p;
            Thread made = Threads.daemon("events", () -> loop(watched));
            made.start();
            thread = made;
        }
        p.add(event.fd(), Poller.READABLE, ready -> {
            event.drain();
            action.run();
        });
    }

    private void loop(Poller watched) {
        while (!closing) {
            watched.poll(-1);
        }
    }

    synchronized void unwatch(EventFd event) {
        if (poller != null) {
            poller.remove(event.fd());
        }
    }

    @Override
    public synchronized void close() {
        closing = true;
        if (quit == null || thread == null || poller == null) {
            return;
        }
        quit.signal();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        poller.close();
        quit.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
