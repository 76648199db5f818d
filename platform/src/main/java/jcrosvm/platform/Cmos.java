package jcrosvm.platform;

import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import jcrosvm.base.Stateful;
import jcrosvm.bus.Bus;
import jcrosvm.bus.BusDevice;
import jcrosvm.bus.DeviceClock;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.Suspendable;

/**
 * CMOS memory and real-time clock (Motorola MC146818A), ports 0x70 and 0x71: UTC, an alarm with day and month,
 * periodic and update-ended interrupts. Thread-safe.
 *
 * <p>The clock is the host's, plus what the guest has set it off by. Nothing runs while no interrupt is enabled:
 * update and periodic flags are worked out when they are read.
 */
public final class Cmos implements BusDevice, Suspendable, Stateful<CmosState> {
    /** FADT fields: the registers of the alarm's day and month, and of the century. */
    public static final int DAY_ALARM = 0x7d;

    public static final int MONTH_ALARM = 0x7e;
    public static final int CENTURY = 0x32;

    private static final int INDEX_PORT = 0x70;
    static final int SIZE = 128;

    static final int SECONDS = 0;
    static final int SECONDS_ALARM = 1;
    static final int MINUTES = 2;
    static final int MINUTES_ALARM = 3;
    static final int HOURS = 4;
    static final int HOURS_ALARM = 5;
    static final int DAY_OF_WEEK = 6;
    static final int DAY_OF_MONTH = 7;
    static final int MONTH = 8;
    static final int YEAR = 9;
    private static final int REG_A = 0x0a;
    private static final int REG_B = 0x0b;
    private static final int REG_C = 0x0c;
    private static final int REG_D = 0x0d;

    private static final int UIP = 0x80;
    private static final int SET = 0x80;
    private static final int PIE = 0x40;
    private static final int AIE = 0x20;
    private static final int UIE = 0x10;
    private static final int BINARY = 0x04;
    private static final int HOURS_24 = 0x02;
    private static final int IRQF = 0x80;
    private static final int PF = 0x40;
    private static final int AF = 0x20;
    private static final int UF = 0x10;
    static final int FLAGS = PF | AF | UF;
    private static final int VRT = 0x80;

    private static final long SECOND = 1_000_000_000L;
    // A jump of the host's clock, or the host's own sleep, moves an alarm: look at least this often.
    private static final long LONGEST_WAIT = 60 * SECOND;

    private final DeviceClock clock;
    private final DeviceClock.Timer timer;
    private final IrqLine irq;
    private final Runnable alarm;

    // All guarded by this.
    private final byte[] memory = new byte[SIZE];
    private int index;
    private long offsetSeconds;
    private int flags;
    private long lastSecond;
    private long lastPeriod;
    private long alarmSecond = Long.MAX_VALUE;
    private boolean rang;
    private boolean suspended;

    /**
     * @param alarm also told of alarms, on the clock's thread: {@link AcpiPm#rtcAlarm}
     * @param vcpus for firmware, as are the sizes
     */
    public Cmos(DeviceClock clock, IrqLine irq, Runnable alarm, long ramBelow4GiB, long ramAbove4GiB, int vcpus) {
        this.clock = clock;
        this.irq = irq;
        this.alarm = alarm;
        timer = clock.timer("rtc", this::expired);
        memory[REG_A] = 0x26;
        memory[REG_B] = HOURS_24;
        lastSecond = second();
        CmosMemory.describe(memory, ramBelow4GiB, ramAbove4GiB, vcpus);
    }

    public void attach(Bus ports) {
        ports.insert(this, INDEX_PORT, 2);
    }

    @Override
    public String name() {
        return "cmos";
    }

    @Override
    public long read(long offset, int size) {
        long value;
        boolean rang;
        synchronized (this) {
            value = offset == 0 ? 0xff : readRegister(index);
            rang = takeRang();
        }
        if (rang) {
            alarm.run();
        }
        return value;
    }

    @Override
    public void write(long offset, int size, long value) {
        boolean rang;
        synchronized (this) {
            if (offset != 0) {
                writeRegister((int) value & 0xff);
            } else {
                index = (int) value & 0x7f; // bit 7 masks the NMI, which no device raises
                if (size > 1) {
                    writeRegister((int) (value >>> 8) & 0xff);
                }
            }
            rang = takeRang();
        }
        if (rang) {
            alarm.run();
        }
    }

    // The alarm's listener is called without the lock.
    private boolean takeRang() {
        boolean value = rang;
        rang = false;
        return value;
    }

    private int readRegister(int register) {
        return switch (register) {
            case SECONDS, MINUTES, HOURS, DAY_OF_WEEK, DAY_OF_MONTH, MONTH, YEAR, CENTURY -> {
                if (!isSet(SET)) {
                    showTime();
                }
                yield memory[register] & 0xff;
            }
            case REG_A -> (memory[REG_A] & ~UIP) | (updateInProgress() ? UIP : 0);
            case REG_C -> takeFlags();
            case REG_D -> VRT;
            default -> memory[register] & 0xff;
        };
    }

    private void writeRegister(int value) {
        switch (index) {
            case SECONDS, MINUTES, HOURS, DAY_OF_WEEK, DAY_OF_MONTH, MONTH, YEAR, CENTURY -> {
                if (!isSet(SET)) {
                    showTime();
                }
                memory[index] = (byte) value;
                if (!isSet(SET)) {
                    adoptTime();
                }
            }
            case REG_A -> {
                memory[REG_A] = (byte) (value & ~UIP);
                lastPeriod = periodNumber();
            }
            case REG_B -> writeB(value);
            case REG_C, REG_D -> {
                return; // read-only
            }
            default -> memory[index] = (byte) value;
        }
        schedule();
    }

    private void writeB(int value) {
        int old = memory[REG_B];
        if ((value & SET) != 0 && (old & SET) == 0) {
            showTime();
            value &= ~UIE; // as the data sheet has it: setting SET clears UIE
        }
        collectFlags();
        memory[REG_B] = (byte) value;
        if ((value & SET) == 0 && (old & SET) != 0) {
            adoptTime();
        }
    }

    private boolean isSet(int bit) {
        return (memory[REG_B] & bit) != 0;
    }

    private CalendarFields fields() {
        return new CalendarFields(isSet(BINARY), isSet(HOURS_24));
    }

    // Seconds since 1970 as the guest's clock shows them.
    private long second() {
        return Math.floorDiv(clock.wallMillis(), 1000) + offsetSeconds;
    }

    private static LocalDateTime time(long second) {
        return LocalDateTime.ofEpochSecond(second, 0, ZoneOffset.UTC);
    }

    // The data sheet's window before an update; a reader that respects it never sees half of one.
    private boolean updateInProgress() {
        return !isSet(SET) && Math.floorMod(clock.wallMillis(), 1000) == 999;
    }

    private void showTime() {
        fields().show(time(second()), memory);
    }

    private void adoptTime() {
        LocalDateTime now = time(second());
        offsetSeconds += ChronoUnit.SECONDS.between(now, fields().read(memory, now));
        lastSecond = second();
        alarmSecond = Long.MAX_VALUE; // that of the old time; schedule() finds the new one
    }

    private long periodNumber() {
        long period = PeriodicRate.nanos(memory[REG_A]);
        return period == 0 ? 0 : clock.nanos() / period;
    }

    private void collectFlags() {
        long second = second();
        if (second != lastSecond && !isSet(SET)) {
            lastSecond = second;
            flags |= UF;
        }
        if (second >= alarmSecond) {
            alarmSecond = Long.MAX_VALUE;
            flags |= AF;
            rang = true;
        }
        long number = periodNumber();
        if (number != lastPeriod) {
            lastPeriod = number;
            flags |= PF;
        }
    }

    private int takeFlags() {
        collectFlags();
        int value = flags | ((flags & memory[REG_B] & FLAGS) != 0 ? IRQF : 0);
        flags = 0;
        schedule();
        return value;
    }

    private void updateLine() {
        irq.set((flags & memory[REG_B] & FLAGS) != 0);
    }

    private void expired() {
        boolean ring;
        synchronized (this) {
            schedule();
            ring = takeRang();
        }
        if (ring) {
            alarm.run();
        }
    }

    // Arms the timer for the nearest enabled event. An event whose flag still waits to be read need not come again.
    private void schedule() {
        if (suspended) {
            return;
        }
        collectFlags();
        updateLine();
        long wait = Long.MAX_VALUE;
        alarmSecond = Long.MAX_VALUE;
        long now = clock.nanos();
        if (!isSet(SET)) {
            long untilNext = (1000 - Math.floorMod(clock.wallMillis(), 1000)) * 1_000_000L;
            if (isSet(UIE) && (flags & UF) == 0) {
                wait = untilNext;
            }
            if (isSet(AIE)) {
                long second = lastSecond; // as the flags saw it: one that begins now must not be skipped
                alarmSecond = RtcAlarm.of(fields(), memory).after(second);
                if (alarmSecond != Long.MAX_VALUE) {
                    long seconds = Math.min(alarmSecond - second - 1, LONGEST_WAIT / SECOND);
                    wait = Math.min(wait, untilNext + seconds * SECOND);
                }
            }
        }
        long period = PeriodicRate.nanos(memory[REG_A]);
        if (isSet(PIE) && (flags & PF) == 0 && period != 0) {
            wait = Math.min(wait, period - now % period);
        }
        if (wait == Long.MAX_VALUE) {
            timer.cancel();
        } else {
            timer.arm(now + wait);
        }
    }

    @Override
    public synchronized CmosState state() {
        return new CmosState(memory, index, offsetSeconds, flags, lastSecond, lastPeriod, alarmSecond);
    }

    /** What became due since the state was saved comes with the next access, or when the machine is resumed. */
    @Override
    public synchronized void restore(CmosState state) {
        System.arraycopy(state.memory(), 0, memory, 0, SIZE);
        index = state.index();
        offsetSeconds = state.offsetSeconds();
        flags = state.flags();
        lastSecond = state.lastSecond();
        lastPeriod = state.lastPeriod();
        alarmSecond = state.alarmSecond();
        updateLine();
        if (!suspended) {
            timer.arm(clock.nanos());
        }
    }

    @Override
    public synchronized void suspend() {
        suspended = true;
        timer.cancel();
    }

    /** An alarm that was due meanwhile rings now. */
    @Override
    public void resume() {
        synchronized (this) {
            suspended = false;
        }
        expired();
    }
}
