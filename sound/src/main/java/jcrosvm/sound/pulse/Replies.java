package jcrosvm.sound.pulse;

import java.util.concurrent.TimeUnit;
import jcrosvm.sound.StreamParameters;

/** What the server's replies say. */
final class Replies {
    private static final long MOST_DEVICE_MICROS = TimeUnit.MINUTES.toMicros(1);

    private Replies() {}

    /**
     * A stream that the server has made.
     *
     * @param channel of its samples
     * @param credit bytes that the server wants at once
     */
    record Created(int channel, long credit) {}

    /** @throws PulseException when the server's protocol is older than ours */
    static void authenticated(TagReader reply) {
        int version = reply.u32() & Protocol.VERSION_MASK;
        if (version < Protocol.VERSION) {
            throw new PulseException("the server's protocol has version " + version + ", which is too old");
        }
    }

    /** @throws PulseException when the stream has other samples than those that were asked for */
    static Created created(TagReader reply, StreamParameters asked) {
        int channel = reply.u32();
        reply.u32(); // index of the stream among the server's
        long credit = asked.isCapture() ? 0 : reply.u32() & 0xffffffffL;
        for (int i = asked.isCapture() ? 2 : 4; i > 0; i--) {
            reply.u32(); // buffer attributes: what they are shows in the server's requests
        }
        if (!reply.isSampleSpec(Protocol.format(asked.format()), asked.channels(), asked.rate())) {
            throw new PulseException("the server gives the stream other samples");
        }
        return new Created(channel, credit);
    }

    /** Bytes between the stream's end here and the sound, at most {@code most} of them in the server's buffer. */
    static long latency(TagReader reply, StreamParameters stream, long most) {
        long sink = reply.usec();
        long source = reply.usec();
        reply.bool();
        reply.skipTime();
        reply.skipTime();
        long written = reply.s64();
        long between = written - reply.s64();
        long micros = Math.clamp(stream.isCapture() ? source : sink, 0L, MOST_DEVICE_MICROS);
        return Math.clamp(between, 0, most) + stream.bytes(TimeUnit.MICROSECONDS.toNanos(micros));
    }
}
