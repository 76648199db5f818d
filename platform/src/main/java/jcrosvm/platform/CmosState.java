package jcrosvm.platform;

import jcrosvm.base.Limits;

/**
 * Memory and clock of {@link Cmos}. Seconds are since 1970, as the guest's clock shows them.
 *
 * @param memory 128 bytes, registers among them
 * @param index the byte behind the data port
 * @param offsetSeconds what the guest has set its clock ahead of the host's
 * @param flags interrupt flags that wait to be read in register C
 * @param lastSecond the second that the update flag was last set for
 * @param lastPeriod number of the period that the periodic flag was last set for
 * @param alarmSecond when the alarm rings, 2^63-1 for never
 */
public record CmosState(
        byte[] memory, int index, long offsetSeconds, int flags, long lastSecond, long lastPeriod, long alarmSecond) {
    /** More than the registers can show in either direction, and nothing that a calendar cannot. */
    private static final long MOST_SECONDS = 1L << 40;

    public CmosState {
        memory = memory.clone();
        Limits.size("the CMOS memory", memory.length, Cmos.SIZE);
        Limits.range("the CMOS index", index, 0, Cmos.SIZE - 1);
        Limits.range("the CMOS clock's offset", offsetSeconds, -MOST_SECONDS, MOST_SECONDS);
        Limits.bits("the CMOS interrupt flags", flags, Cmos.FLAGS);
        Limits.range("the CMOS clock's second", lastSecond, -MOST_SECONDS, MOST_SECONDS);
        Limits.range("the CMOS period", lastPeriod, 0, Long.MAX_VALUE);
    }
}
