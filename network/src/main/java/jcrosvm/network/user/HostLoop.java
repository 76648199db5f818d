package jcrosvm.network.user;

import java.io.IOException;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongUnaryOperator;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.base.io.Threads;

/**
 * The thread that waits for the host's sockets. What it runs, it runs with the network's lock, which the device's worker
 * takes too; nothing that holds the lock blocks.
 */
final class HostLoop implements AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(HostLoop.class);

    private static final int MOST_CLOSING = 128;

    /** What to do for a socket that is ready. */
    interface Endpoint {
        void ready(SelectionKey key);
    }

    private final Selector selector;
    private final ReentrantLock lock;
    private final LongUnaryOperator tick;
    private final Thread thread;
    private long nextTick;
    private int closing; // sockets; guarded by the lock
    private volatile boolean isClosed;

    /** @param tick given the time, does what is due; returns nanoseconds until it wants to run again, at the latest */
    HostLoop(ReentrantLock lock, LongUnaryOperator tick) throws IOException {
        this.lock = lock;
        this.tick = tick;
        selector = Selector.open();
        nextTick = System.nanoTime();
        thread = ThreadScope.current().unstarted("net-user", 0, this::run);
    }

    void start() {
        thread.start();
    }

    /** With the lock held. */
    SelectionKey register(SelectableChannel channel, int interest, Endpoint endpoint) throws IOException {
        channel.configureBlocking(false);
        SelectionKey key = channel.register(selector, interest, endpoint);
        wakeUp();
        return key;
    }

    /** Sets what a socket is waited for. With the lock held. */
    void interest(SelectionKey key, int operations) {
        if (key.isValid() && key.interestOps() != operations) {
            key.interestOps(operations);
            wakeUp();
        }
    }

    /** Closes a socket for good. With the lock held. */
    void close(SelectableChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "close", e);
        }
        closing++; // The descriptor lives until the selector has seen that.
        wakeUp();
    }

    /** Whether so many sockets are waiting to be closed that no more should be opened. With the lock held. */
    boolean isBehind() {
        if (closing < MOST_CLOSING) {
            return false;
        }
        selector.wakeup();
        return true;
    }

    /** Sees to it that the tick runs within so many nanoseconds. With the lock held. */
    void tickWithin(long nanos) {
        tickAt(System.nanoTime() + nanos);
    }

    /** The same for a point in time. */
    void tickAt(long at) {
        if (at - nextTick < 0) {
            nextTick = at;
            wakeUp();
        }
    }

    private void wakeUp() {
        if (Thread.currentThread() != thread) {
            selector.wakeup();
        }
    }

    private void run() {
        while (!isClosed) {
            try {
                int gone = closing();
                selector.select(this::ready, untilTick());
                tick(gone);
            } catch (IOException | ClosedSelectorException e) {
                if (!isClosed) {
                    LOG.log(System.Logger.Level.ERROR, "the user network stops: " + e, e);
                }
                return;
            }
        }
    }

    private long untilTick() {
        lock.lock();
        try {
            return Math.max(1, (nextTick - System.nanoTime()) / 1_000_000 + 1);
        } finally {
            lock.unlock();
        }
    }

    private int closing() {
        lock.lock();
        try {
            return closing;
        } finally {
            lock.unlock();
        }
    }

    /** @param gone sockets that the selector has closed meanwhile */
    private void tick(int gone) {
        lock.lock();
        try {
            closing -= gone;
            long now = System.nanoTime();
            if (!isClosed && now - nextTick >= 0) {
                nextTick = now + Long.MAX_VALUE / 4;
                long wanted = now + tick.applyAsLong(now);
                nextTick = wanted - nextTick < 0 ? wanted : nextTick;
            }
        } finally {
            lock.unlock();
        }
    }

    private void ready(SelectionKey key) {
        lock.lock();
        try {
            if (!isClosed && key.isValid()) {
                ((Endpoint) key.attachment()).ready(key);
            }
        } catch (CancelledKeyException e) {
            LOG.log(System.Logger.Level.DEBUG, "closed meanwhile", e);
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "a socket of the user network is given up: " + e, e);
            close(key.channel());
        } finally {
            lock.unlock();
        }
    }

    /** Ends the thread and closes all sockets. Without the lock. */
    @Override
    public void close() {
        isClosed = true;
        selector.wakeup();
        Threads.join(thread);
        try {
            for (SelectionKey key : selector.keys()) {
                key.channel().close();
            }
            selector.close();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "close", e);
        }
    }
}
