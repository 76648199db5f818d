package jcrosvm.devices.snd;

/** What a card's streams are connected to. */
public enum SndBackend {
    /** The clock. */
    NULL,
    /** Files. */
    FILE,
    /** A PulseAudio server. */
    PULSE,
    /** crosvm's: a server of ChromeOS. */
    CRAS,
    /** crosvm's: Android's library. */
    AAUDIO
}
