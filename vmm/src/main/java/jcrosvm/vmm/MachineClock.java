package jcrosvm.vmm;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import jcrosvm.bus.DeviceClock;
import jcrosvm.bus.Suspendable;
import org.jspecify.annotations.Nullable;

/**
 * The devices' time: host time less what the machine spent suspended. Timers run on one thread, which starts with the
 * first that is armed: most guests of an in-kernel interrupt chip never need it.
 */
final class MachineClock implements DeviceClock, Suspendable, AutoCloseable {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final PriorityQueue<Entry> armed = new PriorityQueue<>(Comparator.comparingLong(e -> e.deadline));

    // All guarded by lock.
    private long origin = System.nanoTime();
    private long suspendedAt;
    private boolean suspended;
    private boolean closed;
    private @Nullable Thread thread;

    @Override
    public long nanos() {
        lock.lock();
        try {
            return (suspended ? suspendedAt : System.nanoTime()) - origin;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public long wallMillis() {
        return System.currentTimeMillis();
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
                origin += System.nanoTime() - suspendedAt;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    private void loop() {
        Queue<Entry> due = new ArrayDeque<>();
        while (true) {
            lock.lock();
            try {
                while (due.isEmpty()) {
                    if (closed) {
                        return;
                    }
                    waitForNext(due);
                }
            } catch (InterruptedException e) {
                return; // nobody interrupts this thread but to end it
            } finally {
                lock.unlock();
            }
            for (Entry e = due.poll(); e != null; e = due.poll()) {
                e.expired.run();
            }
        }
    }

    private void waitForNext(Queue<Entry> due) throws InterruptedException {
        Entry next = armed.peek();
        if (suspended || next == null) {
            changed.await();
            return;
        }
        long left = next.deadline - (System.nanoTime() - origin);
        if (left > 0) {
            changed.await(left, TimeUnit.NANOSECONDS);
        } else {
            due.add(next);
            armed.remove();
        }
    }

    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
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
                    thread = Thread.ofPlatform().name("timers").daemon().start(MachineClock.this::loop);
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
