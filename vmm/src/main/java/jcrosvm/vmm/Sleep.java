package jcrosvm.vmm;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.Stateful;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.platform.PowerEvents;

/** A sleep that the guest asks for, ACPI S1: its vCPUs hold still until a button or an alarm ends it. */
final class Sleep implements Stateful<SleepState> {
    private final ThreadScope scope = ThreadScope.current();
    private final Object machine;
    private final PowerEvents power;
    private final Vcpus vcpus;

    /** Presses and alarms that end a sleep: tells a sleep that was asked for before one from one after it. */
    private final AtomicInteger wakeEvents = new AtomicInteger();

    /** One request at a time, however often the guest writes it. */
    private final AtomicBoolean fallingAsleep = new AtomicBoolean();

    private final AtomicBoolean waking = new AtomicBoolean();

    private boolean asleep; // both guarded by machine
    private boolean over;

    /** @param machine the lock of its vCPUs' standstill */
    Sleep(Object machine, PowerEvents power, Vcpus vcpus) {
        this.machine = machine;
        this.power = power;
        this.vcpus = vcpus;
    }

    /** The guest asks for it. On a vCPU's thread, which must not wait for the machine's lock. */
    void request() {
        int seen = wakeEvents.get();
        if (fallingAsleep.compareAndSet(false, true)) {
            scope.start("sleep", () -> fallAsleep(seen));
        }
    }

    private void fallAsleep(int seen) {
        synchronized (machine) {
            fallingAsleep.set(false);
            if (over) {
                return;
            }
            if (wakeEvents.get() != seen || power.isEventPending()) {
                power.woken(); // before it slept
                return;
            }
            try {
                vcpus.pause();
            } catch (InterruptedException e) {
                throw new AssertionError("nothing interrupts this thread", e);
            }
            asleep = true;
        }
    }

    /** A wake event of the platform, which it has told its registers. On any thread; it may be a vCPU's. */
    void alarm() {
        wakeEvents.incrementAndGet();
        if (waking.compareAndSet(false, true)) {
            scope.start("wake", this::wakeByAlarm);
        }
    }

    private void wakeByAlarm() {
        synchronized (machine) {
            waking.set(false);
            wake();
        }
    }

    /** Presses a button. With the machine's lock, as all that follows. */
    void press(Runnable button) {
        wakeEvents.incrementAndGet();
        button.run();
        wake();
    }

    private void wake() {
        if (asleep && !vcpus.isSuspended() && !over) {
            end();
            vcpus.resume();
        }
    }

    boolean isAsleep() {
        return asleep;
    }

    /** Ends the sleep; the caller lets the vCPUs go on. */
    void end() {
        if (asleep) {
            asleep = false;
            power.woken();
        }
    }

    /** The machine is closed: nothing sleeps or wakes any more. */
    void close() {
        over = true;
    }

    @Override
    public SleepState state() {
        return new SleepState(asleep || fallingAsleep.get());
    }

    @Override
    public void restore(SleepState state) {
        asleep = state.asleep();
    }
}
