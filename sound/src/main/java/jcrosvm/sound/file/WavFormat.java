package jcrosvm.sound.file;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Objects;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.sound.SampleFormat;

/**
 * What the samples of a WAV file are, and where.
 *
 * @param start offset of the first sample
 * @param length bytes of samples
 */
public record WavFormat(SampleFormat format, int rate, int channels, long start, long length) {
    /** Bytes in front of the samples in files that are written here. */
    static final int HEADER = 44;

    private static final int RIFF = 0x46464952;
    private static final int WAVE = 0x45564157;
    private static final int FMT = 0x20746d66;
    private static final int DATA = 0x61746164;
    private static final int CHUNK = 8;
    private static final int FORMAT = 16;
    private static final int EXTENSIBLE = 0xfffe;
    private static final int EXTENSIBLE_LENGTH = 40;
    private static final int SUBFORMAT = 24;
    private static final int MOST_CHUNKS = 64;
    private static final long MOST = 0xffffffffL;

    private static final int PCM = 1;
    private static final int IEEE_FLOAT = 3;
    private static final int ALAW = 6;
    private static final int MULAW = 7;

    /** WAVE's tag, with the bits of a sample above it. */
    private static final Map<SampleFormat, Integer> TAGS = Map.of(
            SampleFormat.U8, 8 << 16 | PCM,
            SampleFormat.S16, 16 << 16 | PCM,
            SampleFormat.S24_3, 24 << 16 | PCM,
            SampleFormat.S32, 32 << 16 | PCM,
            SampleFormat.FLOAT, 32 << 16 | IEEE_FLOAT,
            SampleFormat.FLOAT64, 64 << 16 | IEEE_FLOAT,
            SampleFormat.A_LAW, 8 << 16 | ALAW,
            SampleFormat.MU_LAW, 8 << 16 | MULAW);

    /** Whether WAV has such samples, bit by bit as virtio has them. */
    static boolean has(SampleFormat format) {
        return TAGS.containsKey(format);
    }

    /**
     * Reads the header of a file.
     *
     * @param name of the file, for messages
     * @throws VmmException when it is no WAV file, or its samples are none that a stream can have
     */
    public static WavFormat read(Fd file, String name) {
        long size = file.size();
        ByteBuffer riff = part(file, 0, 12, name);
        if (riff.getInt(0) != RIFF || riff.getInt(8) != WAVE) {
            throw new VmmException(name + " is no WAV file");
        }
        ByteBuffer format = null;
        long at = 12;
        for (int i = 0; i < MOST_CHUNKS; i++) {
            ByteBuffer chunk = part(file, at, CHUNK, name);
            long length = chunk.getInt(4) & MOST;
            at += CHUNK;
            if (chunk.getInt(0) == FMT && length >= FORMAT) {
                format = part(file, at, (int) Math.min(length, EXTENSIBLE_LENGTH), name);
            } else if (chunk.getInt(0) == DATA && format != null) {
                return of(format, at, Math.min(length, size - at), name);
            }
            at += length + (length & 1);
        }
        throw new VmmException(name + ": no samples in the first " + MOST_CHUNKS + " parts of the WAV file");
    }

    private static WavFormat of(ByteBuffer format, long start, long length, String name) {
        int tag = format.getShort(0) & 0xffff;
        if (tag == EXTENSIBLE && format.limit() >= SUBFORMAT + Short.BYTES) {
            tag = format.getShort(SUBFORMAT) & 0xffff;
        }
        int channels = format.getShort(2) & 0xffff;
        int rate = format.getInt(4);
        int bits = format.getShort(14) & 0xffff;
        int key = bits << 16 | tag;
        SampleFormat samples = TAGS.entrySet().stream()
                .filter(entry -> entry.getValue() == key)
                .map(Map.Entry::getKey)
                .findFirst()
                .orElseThrow(() -> new VmmException("%s: samples of WAV type %d with %d bits cannot be played"
                        .formatted(name, key & 0xffff, bits)));
        if (channels == 0 || rate <= 0) {
            throw new VmmException("%s: %d channels at %d Hz cannot be played".formatted(name, channels, rate));
        }
        return new WavFormat(samples, rate, channels, start, length);
    }

    private static ByteBuffer part(Fd file, long at, int length, String name) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(length);
            if (file.pread(bytes, at) != length) {
                throw new VmmException(name + ": the WAV file ends in its header");
            }
            return ByteBuffer.wrap(bytes.toArray(ValueLayout.JAVA_BYTE)).order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    /** Writes the header of a file with this many bytes of samples, into {@link #HEADER} bytes. */
    void write(MemorySegment into, long samples) {
        int tag = Objects.requireNonNull(TAGS.get(format));
        int frame = format.bytes() * channels;
        ByteBuffer out = into.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(RIFF)
                .putInt((int) Math.min(MOST, samples + HEADER - CHUNK))
                .putInt(WAVE)
                .putInt(FMT)
                .putInt(FORMAT)
                .putShort((short) tag)
                .putShort((short) channels)
                .putInt(rate)
                .putInt(rate * frame)
                .putShort((short) frame)
                .putShort((short) (tag >>> 16))
                .putInt(DATA)
                .putInt((int) Math.min(MOST, samples));
    }

    /** Whether the samples are the same, wherever they are. */
    boolean fits(SampleFormat samples, int hertz, int count) {
        return format == samples && rate == hertz && channels == count;
    }

    @Override
    public String toString() {
        return "%s, %d Hz, %d channels".formatted(format, rate, channels);
    }
}
