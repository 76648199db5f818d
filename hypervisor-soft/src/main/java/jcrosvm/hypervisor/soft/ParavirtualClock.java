package jcrosvm.hypervisor.soft;

import jcrosvm.hypervisor.soft.apic.TimeStampCounter;
import jcrosvm.hypervisor.soft.apic.VmClock;
import jcrosvm.memory.GuestMemory;

/**
 * The clock that KVM gives its guests (Linux, Documentation/virt/kvm/x86/msr.rst): where the time stamp counter stands
 * and what time that is, in a page of the guest. Both run at 1 GHz, so the page hardly ever changes.
 */
final class ParavirtualClock {
    static final int WALL_CLOCK_OLD = 0x11;
    static final int SYSTEM_TIME_OLD = 0x12;
    static final int WALL_CLOCK = 0x4b56_4d00;
    static final int SYSTEM_TIME = 0x4b56_4d01;

    private static final int ENABLED = 1;
    private static final int TIME_SIZE = 32;
    private static final int WALL_SIZE = 12;
    private static final int MULTIPLIER = 0x8000_0000; // nanoseconds = (ticks << 1) * multiplier >> 32
    private static final int SHIFT = 1;
    private static final int FLAG_STABLE = 1;
    private static final int FLAG_STOPPED = 1 << 1;
    private static final long SECOND = 1_000_000_000L;

    private final GuestMemory memory;
    private final VmClock clock;
    private final TimeStampCounter tsc;

    private long systemTime;
    private long wallClock;

    ParavirtualClock(GuestMemory memory, VmClock clock, TimeStampCounter tsc) {
        this.memory = memory;
        this.clock = clock;
        this.tsc = tsc;
    }

    long systemTime() {
        return systemTime;
    }

    long wallClock() {
        return wallClock;
    }

    void systemTime(long value) {
        systemTime = value;
        update(false);
    }

    /** After the counter was written. */
    void tscChanged() {
        update(false);
    }

    /** Tells the guest's watchdogs that it stood still. */
    void paused() {
        update(true);
    }

    // The version is odd while the rest changes. Offsets: version 0, counter 8, time 16, multiplier 24, shift 28, flags
    // 29
    private void update(boolean paused) {
        long at = systemTime & ~ENABLED;
        if ((systemTime & ENABLED) == 0 || !memory.contains(at, TIME_SIZE)) {
            return;
        }
        int version = memory.getInt(at) | 1;
        int flags = (memory.getByte(at + 29) & FLAG_STOPPED) | FLAG_STABLE | (paused ? FLAG_STOPPED : 0);
        memory.putInt(at, version);
        java.lang.invoke.VarHandle.fullFence();
        long now = clock.nanos();
        memory.putLong(at + 8, now + tsc.offset());
        memory.putLong(at + 16, now);
        memory.putInt(at + 24, MULTIPLIER);
        memory.putByte(at + 28, (byte) SHIFT);
        memory.putByte(at + 29, (byte) flags);
        java.lang.invoke.VarHandle.fullFence();
        memory.putInt(at, version + 1);
    }

    /** The wall clock at the time 0 of the VM's clock: version 0, seconds 4, nanoseconds 8. */
    void wallClock(long at) {
        wallClock = at;
        if (!memory.contains(at, WALL_SIZE)) {
            return;
        }
        java.time.Instant now = java.time.Instant.now();
        long start = now.getEpochSecond() * SECOND + now.getNano() - clock.nanos();
        int version = memory.getInt(at) | 1;
        memory.putInt(at, version);
        java.lang.invoke.VarHandle.fullFence();
        memory.putInt(at + 4, (int) (start / SECOND));
        memory.putInt(at + 8, (int) (start % SECOND));
        java.lang.invoke.VarHandle.fullFence();
        memory.putInt(at, version + 1);
    }

    static boolean has(int index) {
        return index == WALL_CLOCK || index == SYSTEM_TIME || index == WALL_CLOCK_OLD || index == SYSTEM_TIME_OLD;
    }
}
