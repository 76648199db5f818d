package jcrosvm.sound.pulse;

import java.nio.ByteBuffer;

/** Reads a message of the server: values behind tags, each checked. Allocates nothing. */
final class TagReader {
    private final ByteBuffer in;

    /** @param in where messages will be */
    TagReader(ByteBuffer in) {
        this.in = in;
    }

    private void tag(char expected, int length) {
        if (in.remaining() < 1 + length) {
            throw new PulseException("a message of the server is too short");
        }
        byte tag = in.get();
        if (tag != expected) {
            throw new PulseException("a message of the server has the tag " + tag + " in place of " + expected);
        }
    }

    int u32() {
        tag('L', Integer.BYTES);
        return in.getInt();
    }

    /** Microseconds. */
    long usec() {
        tag('U', Long.BYTES);
        return in.getLong();
    }

    long s64() {
        tag('r', Long.BYTES);
        return in.getLong();
    }

    boolean bool() {
        byte tag = in.hasRemaining() ? in.get() : 0;
        if (tag != '0' && tag != '1') {
            throw new PulseException("a message of the server has no truth value where one belongs");
        }
        return tag == '1';
    }

    void skipTime() {
        tag('T', 2 * Integer.BYTES);
        in.position(in.position() + 2 * Integer.BYTES);
    }

    /** Whether a sample specification is this one. */
    boolean isSampleSpec(int format, int channels, int rate) {
        tag('a', 2 + Integer.BYTES);
        boolean isFormat = in.get() == format;
        boolean isChannels = in.get() == channels;
        return in.getInt() == rate && isFormat && isChannels;
    }
}
