package jcrosvm.hypervisor.soft.apic;

import jcrosvm.base.io.EventThread;
import jcrosvm.base.io.TimerFd;
import org.jspecify.annotations.Nullable;

/** Wakes an {@link EventThread}: to arm it costs a system call, not a switch of threads. */
public final class TimerFdAlarm implements Timers.Alarm, AutoCloseable {
    private final EventThread thread;
    private final Runnable expired;
    private @Nullable TimerFd timer; // guarded by this
    private boolean closed; // guarded by this

    public TimerFdAlarm(EventThread thread, Runnable expired) {
        this.thread = thread;
        this.expired = expired;
    }

    @Override
    public synchronized void set(long delayNanos) {
        if (closed) {
            return;
        }
        TimerFd made = timer;
        if (made == null) {
            made = new TimerFd();
            timer = made;
            thread.add(made.fd(), this::ready);
        }
        made.arm(delayNanos, 0);
    }

    private void ready() {
        synchronized (this) {
            if (closed || timer == null || timer.drain() == 0) {
                return;
            }
        }
        expired.run();
    }

    /** After the thread has ended. */
    @Override
    public synchronized void close() {
        closed = true;
        if (timer != null) {
            timer.close();
        }
    }
}
