package jcrosvm.sound;

/** What a stream tells its owner. */
public interface StreamEvents {
    /** The stream may be ready for a period. */
    void ready();

    /** The host ran out of samples to play, or of room for captured ones. */
    void xrun();
}
