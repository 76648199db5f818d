package jcrosvm.devices.snd;

import java.util.List;

/**
 * The state of a stream.
 *
 * @param state the request that it obeyed last
 * @param format number of the samples' format
 * @param rate number of the rate
 * @param channels samples of a frame
 * @param bufferBytes what the driver keeps ready at most
 * @param periodBytes what a request has
 * @param features what the driver wants to be told
 * @param effects on the samples
 * @param justReset whether the driver reset the device after it set the parameters
 */
public record SavedStream(
        StreamState state,
        int format,
        int rate,
        int channels,
        long bufferBytes,
        int periodBytes,
        int features,
        List<StreamEffect> effects,
        boolean justReset) {
    /** Longest period. */
    static final int MOST_PERIOD = 16 << 20;

    /** Largest buffer. */
    static final long MOST_BUFFER = 0xffffffffL;

    public SavedStream {
        effects = List.copyOf(effects);
        if (format < 0
                || rate < 0
                || channels < 0
                || periodBytes < 0
                || periodBytes > MOST_PERIOD
                || bufferBytes < 0
                || bufferBytes > MOST_BUFFER
                || (features & ~SndSpec.STREAM_FEATURES) != 0) {
            throw new IllegalArgumentException("no stream has such a state");
        }
    }
}
