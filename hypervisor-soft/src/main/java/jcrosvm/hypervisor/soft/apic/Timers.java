package jcrosvm.hypervisor.soft.apic;

import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/** Deadlines on a VM's clock, and what to do when they pass. Thread-safe. */
public final class Timers {
    private static final long NONE = Long.MAX_VALUE;

    /** Calls {@link #fireDue} in time. */
    @FunctionalInterface
    public interface Alarm {
        /** @param delayNanos from now on; replaces an earlier setting */
        void set(long delayNanos);
    }

    private final VmClock clock;
    private final Alarm alarm;
    private final PriorityQueue<Timer> armed = new PriorityQueue<>((a, b) -> Long.compare(a.deadline, b.deadline));
    private long alarmAt = NONE; // guarded by armed; the alarm may also go off too early

    public Timers(VmClock clock, Alarm alarm) {
        this.clock = clock;
        this.alarm = alarm;
    }

    /** @param expired runs on the thread that calls {@link #fireDue}, without locks held */
    public Timer timer(Runnable expired) {
        return new Timer(expired);
    }

    /** Runs what is due. */
    public void fireDue() {
        synchronized (armed) {
            alarmAt = NONE;
        }
        for (Timer due = takeDue(); due != null; due = takeDue()) {
            due.expired.run();
        }
    }

    private @Nullable Timer takeDue() {
        synchronized (armed) {
            Timer first = armed.peek();
            if (first != null && !clock.isStopped() && first.deadline <= clock.nanos()) {
                return armed.remove();
            }
            adjust();
            return null;
        }
    }

    /** After the clock was set, was stopped or went on. */
    public void clockChanged() {
        synchronized (armed) {
            alarmAt = NONE;
            adjust();
        }
    }

    private void adjust() {
        Timer first = armed.peek();
        // A clock that stands still makes nothing due; clockChanged() comes when it goes on.
        if (first != null && first.deadline < alarmAt && !clock.isStopped()) {
            alarmAt = first.deadline;
            alarm.set(Math.max(0, first.deadline - clock.nanos()));
        }
    }

    /** Disarmed at first. */
    public final class Timer {
        private final Runnable expired;
        private long deadline; // guarded by armed; constant while armed

        private Timer(Runnable expired) {
            this.expired = expired;
        }

        /** Replaces an earlier deadline, which may be passing right now. */
        public void arm(long newDeadline) {
            synchronized (armed) {
                armed.remove(this);
                deadline = newDeadline;
                armed.add(this);
                adjust();
            }
        }

        public void cancel() {
            synchronized (armed) {
                armed.remove(this);
            }
        }
    }
}
