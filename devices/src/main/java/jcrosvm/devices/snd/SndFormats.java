package jcrosvm.devices.snd;

/** Which formats and rates a card announces, as far as its backend takes them. */
public enum SndFormats {
    /** Those of crosvm: U8, S16, S24 and S32 at 8 to 48 kHz. */
    CROSVM,
    /** All of the specification. */
    ALL
}
