package jcrosvm.sound;

import jcrosvm.base.io.IoVec;

/** A stream of the host. Nothing blocks, and no call but the last two allocates once the stream has run for a while. */
public interface SoundStream extends AutoCloseable {
    /** Lets the stream's time run: the first period is due when it has passed. */
    void start();

    /** Lets it stand. What the host was given is heard; what it captures is thrown away. */
    void stop();

    /** Whether a period is due. */
    boolean isReady();

    /**
     * Plays a period, or captures one. When none is due, as when a queue ends, the period is transferred all the same: a
     * captured one is silence where the host has nothing.
     */
    void transfer(IoVec period);

    /** Plays a period of silence, or drops a captured one. */
    void skip();

    /**
     * A period is due, and the driver has no request for it.
     *
     * @return whether the period is lost, and silence in its place, an xrun; otherwise the stream waits for the driver
     */
    boolean miss();

    /** Bytes between the driver and what is heard, or was said. */
    long latencyBytes();

    /** Ends the stream: what was played is heard to its end, unless streams of its index follow too fast. */
    @Override
    void close();

    /** Ends the stream at once; after {@link #close} too, for what is still heard. */
    void abort();
}
