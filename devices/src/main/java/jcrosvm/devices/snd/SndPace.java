package jcrosvm.devices.snd;

/** How fast samples move into files and out of them. */
public enum SndPace {
    /** As fast as they sound. */
    CLOCK,
    /** As fast as the driver can. */
    OFF
}
