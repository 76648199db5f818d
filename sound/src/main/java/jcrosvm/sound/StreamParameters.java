package jcrosvm.sound;

/**
 * A stream to open.
 *
 * @param index among the card's streams of this direction
 * @param isCapture whether samples come from the host
 * @param rate frames a second
 * @param channels samples of a frame
 * @param periodBytes what is transferred at a time, whole frames
 * @param bufferBytes what the driver keeps ready at most, at least a period
 * @param cancelsEcho whether the host is asked to take its own sound out of what it captures
 */
public record StreamParameters(
        int index,
        boolean isCapture,
        SampleFormat format,
        int rate,
        int channels,
        int periodBytes,
        long bufferBytes,
        boolean cancelsEcho) {
    public StreamParameters {
        int frame = format.bytes() * channels;
        if (rate <= 0 || frame <= 0 || periodBytes <= 0 || periodBytes % frame != 0 || bufferBytes < periodBytes) {
            throw new IllegalArgumentException("%s, %d Hz, %d channels, periods of %d bytes, a buffer of %d"
                    .formatted(format, rate, channels, periodBytes, bufferBytes));
        }
    }

    public int frameBytes() {
        return format.bytes() * channels;
    }

    public int periodFrames() {
        return periodBytes / frameBytes();
    }

    /** How long some bytes sound. */
    public long nanos(long bytes) {
        long frames = bytes / frameBytes();
        return frames / rate * 1_000_000_000L + frames % rate * 1_000_000_000L / rate;
    }

    /** How many bytes sound for a time, whole frames. */
    public long bytes(long nanos) {
        return (nanos / 1_000_000_000L * rate + nanos % 1_000_000_000L * rate / 1_000_000_000L) * frameBytes();
    }
}
