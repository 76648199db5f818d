package jcrosvm.serial;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.ThreadScope;

/**
 * Feeds a device from a descriptor, on a thread of its own. While the device has no room nothing is read, so the program that
 * writes at the other end has to wait.
 */
public final class SerialInput implements AutoCloseable {
    private static final int CHUNK = 64;
    private static final long ROOM_WAIT_MILLIS = 250;
    private static final long JOIN_MILLIS = 1000;
    private static final System.Logger LOG = System.getLogger(SerialInput.class.getName());

    private final String name;
    private final Fd fd;
    private final Sink sink;
    private final EventFd wake = new EventFd();
    private final Thread thread;
    // Guarded by this.
    private boolean started;
    private boolean suspended;
    private boolean delivering;
    private volatile boolean closed;

    /** The device's side. */
    @FunctionalInterface
    public interface Sink {
        /**
         * Takes what it has room for.
         *
         * @param waitMillis how long to wait for room at most
         * @return how many bytes were taken, 0 when there was no room
         */
        int receive(byte[] bytes, int offset, int length, long waitMillis) throws InterruptedException;
    }

    /**
     * @param name of its thread
     * @param fd owned from now on
     */
    public SerialInput(String name, Fd fd, Sink sink) {
        this.name = name;
        this.fd = fd;
        this.sink = sink;
        thread = ThreadScope.current().unstarted(name + "-in", 0, this::loop);
    }

    /** Idempotent. */
    public synchronized void start() {
        if (!started) {
            started = true;
            thread.start();
        }
    }

    private void loop() {
        MemorySegment buffer = Arena.ofAuto().allocate(CHUNK);
        byte[] bytes = new byte[CHUNK];
        try (Poller poller = new Poller()) {
            poller.add(wake.fd(), Poller.READABLE, events -> wake.drain());
            boolean[] ready = new boolean[1];
            boolean polled = addSource(poller, ready);
            while (!closed) {
                if (polled) {
                    ready[0] = false;
                    poller.poll(-1);
                    if (!ready[0]) {
                        continue;
                    }
                }
                long n = read(buffer, polled);
                if (n == 0) {
                    return;
                }
                if (n > 0) {
                    MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, bytes, 0, (int) n);
                    deliver(bytes, (int) n);
                }
            }
        } catch (InterruptedException e) {
            // only the end of the input interrupts this thread
        } catch (OsException e) {
            // A terminal or pipe whose other end is closed fails in one of these ways: the end of input.
            if (!closed && e.errno() != Errno.EIO && e.errno() != Errno.ECONNRESET) {
                LOG.log(System.Logger.Level.WARNING, "{0}: no more input: {1}", name, e.getMessage());
            }
        } catch (IllegalStateException e) {
            if (!closed) {
                throw e;
            }
        }
    }

    /** Bytes read; -1 when another reader of the same input was faster. */
    private long read(MemorySegment buffer, boolean polled) {
        try {
            return fd.read(buffer);
        } catch (OsException e) {
            if (polled && e.errno() == Errno.EAGAIN) {
                return -1;
            }
            throw e;
        }
    }

    /** Whether it can be waited for: regular files cannot, they are always ready. */
    private boolean addSource(Poller poller, boolean[] ready) {
        try {
            poller.add(fd, Poller.READABLE, events -> ready[0] = true);
            return true;
        } catch (OsException e) {
            if (e.errno() != Errno.EPERM) {
                throw e;
            }
            return false;
        }
    }

    private void deliver(byte[] bytes, int length) throws InterruptedException {
        for (int i = 0; i < length && !closed; ) {
            synchronized (this) {
                while (suspended && !closed) {
                    wait();
                }
                delivering = true;
            }
            // In slices, so that suspend() and close() are not kept waiting by a guest that never reads.
            try {
                i += sink.receive(bytes, i, length - i, ROOM_WAIT_MILLIS);
            } finally {
                synchronized (this) {
                    delivering = false;
                    notifyAll();
                }
            }
        }
    }

    /** From its return until {@link #resume} nothing reaches the device. */
    public synchronized void suspend() {
        suspended = true;
        boolean interrupted = false;
        while (delivering) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    public synchronized void resume() {
        suspended = false;
        notifyAll();
    }

    @Override
    public void close() {
        boolean join;
        synchronized (this) {
            closed = true;
            join = started;
            notifyAll();
        }
        wake.signal();
        if (join) {
            try {
                thread.join(JOIN_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            if (thread.isAlive()) {
                return; // it still uses the descriptors
            }
        }
        wake.close();
        fd.close();
    }
}
