package jcrosvm.sound.file;

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
 * The file behind a capture stream, which every stream of the same index goes on with where the one before ended. Behind
 * its end is silence.
 */
final class CaptureFile implements AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(CaptureFile.class);
    private static final int PIECES = 1024;

    private final String label;
    private final String name;
    private final Fd file;
    private final @Nullable WavFormat wav;
    private final IoVec part = new IoVec(PIECES);
    private long read; // bytes of samples

    /**
     * @param label in front of each line of the log
     * @param name for messages
     * @param file owned from now on
     * @param wav what is in it, or null for raw samples
     */
    CaptureFile(String label, String name, Fd file, @Nullable WavFormat wav) {
        this.label = label;
        this.name = name;
        this.file = file;
        this.wav = wav;
    }

    /** @throws VmmException naming the path */
    static Fd open(Path path) {
        Fd file = Fd.open(path, Fd.O_RDONLY);
        if (FileStatus.of(file).type() != FileStatus.Type.REGULAR) {
            file.close();
            throw new VmmException(path + " is no regular file: sound cannot be captured from it");
        }
        return file;
    }

    /** @throws VmmException when the file has other samples */
    void begin(StreamParameters stream) {
        if (wav != null && !wav.fits(stream.format(), stream.rate(), stream.channels())) {
            throw new VmmException("%s has %s: it cannot be captured as %s, %d Hz, %d channels"
                    .formatted(name, wav, stream.format(), stream.rate(), stream.channels()));
        }
    }

    /** Reads a whole list; a frame that the file has a part of only is silent. */
    void read(IoVec into, Silence silence, int frameBytes) {
        long start = wav == null ? 0 : wav.start();
        long left = wav == null ? into.length() : Math.min(into.length(), wav.length() - read);
        part.clear();
        part.add(into, 0, left);
        long done = 0;
        while (part.length() > 0) {
            long n = file.tryPreadv(part, start + read + done);
            if (n <= 0) {
                if (n < 0) {
                    LOG.log(System.Logger.Level.WARNING, label + name + ": nothing captured: " + Errno.name((int) -n));
                }
                break;
            }
            done += n;
            part.consume(n);
        }
        part.clear();
        done -= done % frameBytes;
        read += done;
        silence.fill(into, done);
    }

    /** Leaves samples out. */
    void skip(long bytes) {
        read = wav == null ? Math.min(read + bytes, file.size()) : Math.min(read + bytes, wav.length());
    }

    @Override
    public void close() {
        file.close();
    }
}
