package jcrosvm.disk.io;

import jcrosvm.base.VmmException;
import jcrosvm.config.Help;
import jcrosvm.config.Range;

/**
 * Limits on what a guest may ask of a disk; 0 is no limit. Those for reads, for writes and for both hold together.
 *
 * @param bps bytes per second
 * @param readBps bytes read per second
 * @param writeBps bytes written per second
 * @param iops requests per second
 * @param readIops reads per second
 * @param writeIops writes, discards and write-zeroes per second
 * @param burst milliseconds: how much unused time a guest can save up and use at once
 */
public record ThrottleConfig(
        @Help long bps,
        @Help long readBps,
        @Help long writeBps,
        @Help long iops,
        @Help long readIops,
        @Help long writeIops,

        @Help(argument = "MS") @Range(min = 1, max = MAX_BURST)
        long burst) {
    static final long MAX_BURST = 3_600_000;

    public static ThrottleConfig defaults() {
        return new ThrottleConfig(0, 0, 0, 0, 0, 0, 100);
    }

    /** @throws VmmException naming the limit that cannot be */
    public void validate() {
        if ((bps | readBps | writeBps | iops | readIops | writeIops) == 0) {
            throw new VmmException(
                    "throttle needs a limit: one of bps, read-bps, write-bps, iops, read-iops, write-iops");
        }
        if (Math.min(Math.min(bps, readBps), Math.min(writeBps, Math.min(iops, Math.min(readIops, writeIops)))) < 0) {
            throw new VmmException("throttle limits cannot be negative");
        }
        if (burst < 1 || burst > MAX_BURST) {
            throw new VmmException("throttle burst must be 1 to " + MAX_BURST + " milliseconds, not " + burst);
        }
    }
}
