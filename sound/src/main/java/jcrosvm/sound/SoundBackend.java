package jcrosvm.sound;

import jcrosvm.base.io.Poller;

/** What the streams of a card are connected to on the host. Of one thread, the card's. */
public interface SoundBackend extends AutoCloseable {
    /** Whether streams of this format can be opened. */
    boolean takes(SampleFormat format);

    /**
     * Opens a stream, which stands still until it is started.
     *
     * @param poller of the card's thread
     * @param events told about the stream, on that thread and never during a call of it
     * @throws jcrosvm.base.VmmException when the host cannot
     */
    SoundStream open(StreamParameters parameters, Poller poller, StreamEvents events);

    /** Gives back what the backend has of the host. Its streams are closed. */
    @Override
    void close();
}
