package jcrosvm.vmm;

import java.util.PriorityQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.Stateful;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.base.io.Threads;
import jcrosvm.bus.DeviceClock;
import jcrosvm.bus.Suspendable;
import org.jspecify.annotations.Nullable;

/**
 * The devices' time. It stands still while the machine is suspended; after that it is host time again, or goes on from
 * where it stopped. Timers run on one thread, which starts with the
 * first that is armed: most guests of an in-kernel interrupt chip never need it.
 */
final class MachineClock implements DeviceClock, Suspendable, Stateful<MachineClockState>, AutoCloseable {
    private static final long NANOS_PER_MILLI = 1_000_000;
    private static final LimitedLog LOG = LimitedLog.of(MachineClock.class);

    private final ThreadScope scope = ThreadScope.current();
    private final boolean staysBehind;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final PriorityQueue<Entry> armed = new PriorityQueue<>((a, b) -> Long.compare(a.deadline, b.deadline));

    // All guarded by lock.
    private long origin = System.nanoTime();
    private long suspendedAt;
    private long wallWhenSuspended; // milliseconds
    private long lost; // nanoseconds that the guest never saw
    private boolean suspended;
    private boolean closed;
    private @Nullable Thread thread;

    /** @param staysBehind after the machine was suspended */
    MachineClock(boolean staysBehind) {
        this.staysBehind = staysBehind;
    }

    @Override
    public long nanos() {
        lock.lock();
        try {
            return hostNanos() - origin;
        } finally {
            lock.unlock();
        }
    }

    private long hostNanos() {
        return suspended ? suspendedAt : System.nanoTime();
    }

    @Override
    public long wallMillis() {
        lock.lock();
        try {
            return System.currentTimeMillis() - (lost + pause()) / NANOS_PER_MILLI;
        } finally {
            lock.unlock();
        }
    }

    /** What the guest has missed of the time since it was suspended. */
    private long pause() {
        return suspended && staysBehind ? System.nanoTime() - suspendedAt : 0;
    }

    @Override
    public MachineClockState state() {
        lock.lock();
        try {
            return new MachineClockState(nanos(), suspended ? wallWhenSuspended : wallMillis());
        } finally {
            lock.unlock();
        }
    }

    /** Goes on from the saved time; the wall clock is the host's unless it stays behind. */
    @Override
    public void restore(MachineClockState state) {
        lock.lock();
        try {
            origin = hostNanos() - state.nanos();
            wallWhenSuspended = state.wallMillis();
            if (staysBehind) {
                lost = (System.currentTimeMillis() - state.wallMillis()) * NANOS_PER_MILLI - pause();
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public Timer timer(String name, Runnable expired) {
        return new Entry(name, expired);
    }

    @Override
    public void suspend() {
        lock.lock();
        try {
            if (!suspended) {
                wallWhenSuspended = wallMillis();
                suspended = true;
                suspendedAt = System.nanoTime();
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void resume() {
        lock.lock();
        try {
            if (suspended) {
                suspended = false;
                if (staysBehind) {
                    long pause = System.nanoTime() - suspendedAt;
                    origin += pause;
                    lost += pause;
                }
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    private void loop() {
        try {
            for (Entry due = nextDue(); due != null; due = nextDue()) {
                fire(due);
            }
        } catch (InterruptedException e) {
            // only the end of the clock interrupts this thread
        }
    }

    // One timer's failure must not stop all others.
    private static void fire(Entry due) {
        try {
            due.expired.run();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.WARNING, due + " failed: " + e);
        }
    }

    /** Waits for the next timer to expire; null when the clock is closed. */
    private @Nullable Entry nextDue() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (!closed) {
                Entry next = suspended ? null : armed.peek();
                long left = next == null ? Long.MAX_VALUE : next.deadline - (System.nanoTime() - origin);
                if (next != null && left <= 0) {
                    return armed.remove();
                }
                changed.await(left, TimeUnit.NANOSECONDS);
            }
            return null;
        } finally {
            lock.unlock();
        }
    }

    /** Returns when no timer is running, nor will be. */
    @Override
    public void close() {
        Thread running;
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
            running = thread;
        } finally {
            lock.unlock();
        }
        if (running != null) {
            Threads.join(running);
        }
    }

    private final class Entry implements Timer {
        final String name;
        final Runnable expired;
        long deadline; // guarded by lock; constant while armed

        Entry(String name, Runnable expired) {
            this.name = name;
            this.expired = expired;
        }

        @Override
        public void arm(long newDeadline) {
            lock.lock();
            try {
                armed.remove(this);
                deadline = newDeadline;
                armed.add(this);
                if (armed.peek() == this) {
                    changed.signalAll();
                }
                if (thread == null && !closed) {
                    thread = scope.start("timers", MachineClock.this::loop);
                }
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void cancel() {
            lock.lock();
            try {
                armed.remove(this);
            } finally {
                lock.unlock();
            }
        }

        @Override
        public String toString() {
            return "timer " + name;
        }
    }
}
