package jcrosvm.platform.irqchip;

import java.util.Arrays;
import java.util.Optional;
import jcrosvm.base.Stateful;
import jcrosvm.bus.Bus;
import jcrosvm.bus.BusDevice;
import jcrosvm.bus.DeviceClock;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.Suspendable;

/**
 * The Intel 8254 timer at ports 0x40 to 0x43 and the system control port 0x61, which has the gate and the output of
 * counter 2. Counter 0 interrupts. Thread-safe.
 *
 * <p>Each interrupt is due at a multiple of the period since the counter was loaded, so none drifts. Those that the
 * host comes too late for are left out.
 */
public final class Pit implements BusDevice, Suspendable, Stateful<PitState> {
    /** Input frequency in Hz. */
    public static final long FREQUENCY = 1_193_182;

    static final int CHANNELS = 3;

    private static final int BASE = 0x40;
    private static final int CONTROL = 3;
    private static final int SYSTEM_CONTROL = 0x61;
    private static final int READ_BACK = 3;
    private static final int GATE_2 = 1;
    private static final int SPEAKER = 2;
    private static final int REFRESH = 0x10;
    private static final int OUTPUT_2 = 0x20;
    private static final long REFRESH_NANOS = 15_085;
    private static final long SECOND = 1_000_000_000L;
    // A guest may ask for a million interrupts per second; more than these would only heat the host.
    private static final long SHORTEST_NANOS = 200_000;

    private final DeviceClock clock;
    private final IrqLine irq;
    private final DeviceClock.Timer timer;
    // All guarded by this.
    private final PitChannel[] channels = {new PitChannel(true), new PitChannel(true), new PitChannel(false)};
    private long due = PitChannel.NEVER; // ticks of the interrupt that the timer is armed for
    private boolean speaker;
    private boolean suspended;

    /** @param irq pulsed when counter 0's output rises */
    public Pit(DeviceClock clock, IrqLine irq) {
        this.clock = clock;
        this.irq = irq;
        timer = clock.timer("pit", this::expired);
    }

    public void attach(Bus ports) {
        ports.insert(this, BASE, 4);
        ports.insert(new SystemControl(), SYSTEM_CONTROL, 1);
    }

    @Override
    public String name() {
        return "pit";
    }

    @Override
    public synchronized PitState state() {
        return new PitState(
                Arrays.stream(channels).map(PitChannel::state).toList(),
                due == PitChannel.NEVER ? Optional.empty() : Optional.of(due),
                speaker);
    }

    @Override
    public synchronized void restore(PitState state) {
        for (int i = 0; i < CHANNELS; i++) {
            channels[i].restore(state.channels().get(i));
        }
        speaker = state.speaker();
        due = state.due().orElse(PitChannel.NEVER);
        if (due == PitChannel.NEVER || suspended) {
            timer.cancel();
        } else {
            timer.arm(nanos(due));
        }
    }

    /** Whole ticks in this time. */
    static long ticks(long nanos) {
        return nanos / SECOND * FREQUENCY + nanos % SECOND * FREQUENCY / SECOND;
    }

    /** The first nanosecond at which so many ticks have passed. */
    static long nanos(long ticks) {
        return ticks / FREQUENCY * SECOND + (ticks % FREQUENCY * SECOND + FREQUENCY - 1) / FREQUENCY;
    }

    private long now() {
        return ticks(clock.nanos());
    }

    @Override
    public synchronized long read(long offset, int size) {
        return offset == CONTROL ? 0xff : channels[(int) offset & 3].read(now());
    }

    @Override
    public synchronized void write(long offset, int size, long value) {
        int b = (int) value & 0xff;
        if (offset != CONTROL) {
            channels[(int) offset & 3].write(b, now());
        } else if (b >> 6 == READ_BACK) {
            readBack(b);
            return;
        } else if ((b & 0x30) == 0) {
            channels[b >> 6].latchCount(now());
            return;
        } else {
            channels[b >> 6].control(b, now());
        }
        schedule();
    }

    private void readBack(int command) {
        for (int i = 0; i < channels.length; i++) {
            if ((command & (2 << i)) != 0) {
                if ((command & 0x20) == 0) {
                    channels[i].latchCount(now());
                }
                if ((command & 0x10) == 0) {
                    channels[i].latchStatus(now());
                }
            }
        }
    }

    private void schedule() {
        long now = now();
        boolean missed = due <= now; // it rose, but the timer has not run yet and now will not
        arm(channels[0].nextRise(now));
        if (missed) {
            irq.pulse();
        }
    }

    private void arm(long rise) {
        if (rise == PitChannel.NEVER || suspended) {
            due = PitChannel.NEVER;
            timer.cancel();
        } else {
            due = rise;
            timer.arm(nanos(rise));
        }
    }

    private void expired() {
        synchronized (this) {
            long now = now();
            if (suspended || due > now) {
                return; // loaded anew while this was on its way
            }
            arm(channels[0].nextRise(Math.max(now, due + ticks(SHORTEST_NANOS) - 1)));
        }
        irq.pulse();
    }

    @Override
    public synchronized void suspend() {
        suspended = true;
        timer.cancel();
    }

    @Override
    public synchronized void resume() {
        if (suspended) {
            suspended = false;
            schedule();
        }
    }

    private final class SystemControl implements BusDevice {
        @Override
        public String name() {
            return "system-control";
        }

        @Override
        public long read(long offset, int size) {
            synchronized (Pit.this) {
                PitChannel second = channels[2];
                return (second.gate() ? GATE_2 : 0)
                        | (speaker ? SPEAKER : 0)
                        | (clock.nanos() / REFRESH_NANOS % 2 == 0 ? 0 : REFRESH)
                        | (second.output(now()) ? OUTPUT_2 : 0);
            }
        }

        @Override
        public void write(long offset, int size, long value) {
            synchronized (Pit.this) {
                channels[2].gate((value & GATE_2) != 0, now());
                speaker = (value & SPEAKER) != 0;
            }
        }
    }
}
