package jcrosvm.sound;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import jcrosvm.base.io.IoVec;

/** Silent samples of a format, the same ones for all streams. */
public final class Silence {
    /** Whole samples of every format. */
    private static final int LENGTH = 3 << 13;

    private static final Map<SampleFormat, Silence> ALL = new ConcurrentHashMap<>();

    private final MemorySegment samples = Arena.ofAuto().allocate(LENGTH, 8);

    private Silence(SampleFormat format) {
        for (int i = 0; i < LENGTH; i++) {
            samples.set(ValueLayout.JAVA_BYTE, i, format.silence(i % format.bytes()));
        }
    }

    /** @param format whose samples have whole bytes */
    public static Silence of(SampleFormat format) {
        return ALL.computeIfAbsent(format, Silence::new);
    }

    /** Overwrites a list from a position on that begins a sample. */
    public void fill(IoVec into, long position) {
        for (long at = position; at < into.length(); at += LENGTH) {
            into.copyIn(at, samples, 0, Math.min(LENGTH, into.length() - at));
        }
    }

    /**
     * Appends silence to a list, as far as there is room for pieces.
     *
     * @param bytes whole samples
     * @return how much
     */
    public long addTo(IoVec list, long bytes) {
        long left = bytes;
        while (left > 0 && list.count() < list.capacity()) {
            long n = Math.min(LENGTH, left);
            list.add(samples, 0, n);
            left -= n;
        }
        return bytes - left;
    }
}
