package jcrosvm.sound;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.io.IoVec;

/** Silent samples of a format. */
public final class Silence {
    /** Bytes of a piece, at least. */
    private static final int LEAST = 1 << 14;

    private final MemorySegment samples;

    public Silence(SampleFormat format, int channels) {
        int frame = format.bytes() * channels;
        int length = Math.ceilDiv(LEAST, frame) * frame;
        samples = Arena.ofAuto().allocate(length, 8);
        for (int i = 0; i < length; i++) {
            samples.set(ValueLayout.JAVA_BYTE, i, format.silence(i % format.bytes()));
        }
    }

    /** Overwrites a list from a position on that begins a frame. */
    public void fill(IoVec into, long position) {
        for (long at = position; at < into.length(); ) {
            long n = Math.min(samples.byteSize(), into.length() - at);
            into.copyIn(at, samples, 0, n);
            at += n;
        }
    }

    /** A piece of silence in native memory, of whole frames. */
    public MemorySegment samples() {
        return samples;
    }
}
