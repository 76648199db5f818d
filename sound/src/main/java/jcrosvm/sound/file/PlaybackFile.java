package jcrosvm.sound.file;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import jcrosvm.base.Errno;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.FileStatus;
import jcrosvm.base.io.IoVec;
import jcrosvm.sound.Silence;
import jcrosvm.sound.StreamParameters;
import org.jspecify.annotations.Nullable;

/**
 * The file behind a playback stream, which every stream of the same index goes on with where the one before ended. What
 * does not fit into its size is dropped.
 */
final class PlaybackFile implements AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(PlaybackFile.class);
    private static final int PIECES = 1024;

    private final String label;
    private final String name;
    private final Fd file;
    private final Container container;
    private final long size;
    private final IoVec part = new IoVec(PIECES);
    private long written; // bytes of samples
    private @Nullable WavFormat wav;
    private boolean isFull;

    /**
     * @param label in front of each line of the log
     * @param name for messages
     * @param file owned from now on
     * @param size bytes of samples that are kept
     */
    PlaybackFile(String label, String name, Fd file, Container container, long size) {
        this.label = label;
        this.name = name;
        this.file = file;
        this.container = container;
        this.size = size;
    }

    /**
     * Opens a file to play into, and makes it. A raw one gets the length that crosvm gives it, a byte more than its size.
     *
     * @throws VmmException naming the path
     */
    static Fd open(Path path, Container container, long size) {
        Fd file = Fd.open(path, Fd.O_RDWR | Fd.O_CREAT, 0644);
        try {
            FileStatus status = FileStatus.of(file);
            if (status.type() != FileStatus.Type.REGULAR) {
                throw new VmmException(path + " is no regular file: sound cannot be played into it");
            }
            if (container == Container.WAV) {
                file.truncate(0);
            } else if (status.size() <= size) {
                file.truncate(size + 1);
            }
            return file;
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** @throws VmmException when a stream before this one had other samples, and the file can have one kind only */
    void begin(StreamParameters stream) {
        if (container == Container.RAW) {
            return;
        }
        WavFormat known = wav;
        if (known != null && !known.fits(stream.format(), stream.rate(), stream.channels())) {
            throw new VmmException("%s has %s: a stream of %s, %d Hz, %d channels cannot be added"
                    .formatted(name, known, stream.format(), stream.rate(), stream.channels()));
        }
        wav = new WavFormat(stream.format(), stream.rate(), stream.channels(), WavFormat.HEADER, 0);
    }

    /** Whether a stream begins with a period of silence: that is where crosvm's file has its first sample. */
    boolean hasLeadIn() {
        return container == Container.RAW;
    }

    void write(IoVec samples) {
        part.clear();
        part.add(samples, 0, keep(samples.length()));
        writePart();
    }

    void silence(Silence silence, long bytes) {
        for (long left = keep(bytes); left > 0; ) {
            part.clear();
            left -= silence.addTo(part, left);
            writePart();
        }
    }

    /** How many of some bytes fit. */
    private long keep(long bytes) {
        long room = Math.max(0, size - written);
        if (bytes > room && !isFull) {
            isFull = true;
            LOG.log(
                    System.Logger.Level.WARNING,
                    label + name + " has its size of " + size + " bytes: what is played from now on is dropped");
        }
        return Math.min(bytes, room);
    }

    private void writePart() {
        while (part.length() > 0) {
            long n = file.tryPwritev(part, written + (container == Container.WAV ? WavFormat.HEADER : 0));
            if (n <= 0) {
                LOG.log(System.Logger.Level.WARNING, label + name + ": sound is lost: " + Errno.name((int) -n));
                return;
            }
            written += n;
            part.consume(n);
        }
    }

    /** What was written is complete as it is. */
    void finish() {
        WavFormat known = wav;
        if (known != null) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment header = arena.allocate(WavFormat.HEADER);
                known.write(header, written);
                part.clear();
                part.add(header, 0, WavFormat.HEADER);
                long n = file.tryPwritev(part, 0);
                if (n != WavFormat.HEADER) {
                    LOG.log(System.Logger.Level.WARNING, label + name + " got no header: " + Errno.name((int) -n));
                }
                part.clear();
            }
        }
    }

    @Override
    public void close() {
        finish();
        file.close();
    }
}
