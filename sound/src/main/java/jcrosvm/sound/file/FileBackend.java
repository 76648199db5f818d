package jcrosvm.sound.file;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.sound.NullBackend;
import jcrosvm.sound.SampleFormat;
import jcrosvm.sound.Silence;
import jcrosvm.sound.SoundBackend;
import jcrosvm.sound.SoundStream;
import jcrosvm.sound.StreamEvents;
import jcrosvm.sound.StreamParameters;
import org.jspecify.annotations.Nullable;

/** Streams in files, one for each stream. Streams that have none play to nothing, and capture silence. */
public final class FileBackend implements SoundBackend {
    private static final int O_TMPFILE = 0x410000;

    private final String label;
    private final boolean isPaced;
    private final NullBackend nothing = new NullBackend();
    private final List<PlaybackFile> playback = new ArrayList<>();
    private final List<CaptureFile> capture = new ArrayList<>();
    private boolean hasWav;

    /**
     * @param label in front of each line of the log: {@code "[Card 0] "}
     * @param isPaced whether samples move at the pace of the clock, not as fast as the driver can
     */
    public FileBackend(String label, boolean isPaced) {
        this.label = label;
        this.isPaced = isPaced;
    }

    /**
     * The file of a playback stream: in a folder {@code stream-0.out}, or {@code stream-0.wav}.
     *
     * @param path a folder, or a file whose name ends with {@code .wav}
     */
    public static Path playbackPath(Path path, Container container, int index) {
        return isSingle(path) ? path : path.resolve("stream-" + index + (container == Container.WAV ? ".wav" : ".out"));
    }

    /** Whether a path to play to is one file, which one stream only can have. */
    public static boolean isSingle(Path path) {
        return Container.of(path) == Container.WAV && !Files.isDirectory(path);
    }

    /** The file of a capture stream: in a folder {@code stream-0.in}, or {@code stream-0.wav} where there is one. */
    public static Path capturePath(Path path, int index) {
        if (!Files.isDirectory(path)) {
            return path;
        }
        Path wav = path.resolve("stream-" + index + ".wav");
        return Files.exists(wav) ? wav : path.resolve("stream-" + index + ".in");
    }

    /**
     * Opens and makes a file to play into.
     *
     * @param size bytes of samples that it keeps
     * @throws jcrosvm.base.VmmException naming the path
     */
    public static Fd openPlayback(Path file, Container container, long size) {
        return PlaybackFile.open(file, container, size);
    }

    /** A file without a name, to play into and forget. */
    public static Fd openScratch() {
        return Fd.open(Path.of(System.getProperty("java.io.tmpdir")), Fd.O_RDWR | O_TMPFILE, 0600);
    }

    /**
     * Opens a file to capture from.
     *
     * @throws jcrosvm.base.VmmException naming the path
     */
    public static Fd openCapture(Path file) {
        return CaptureFile.open(file);
    }

    /**
     * Adds the file of the next playback stream.
     *
     * @param file as {@link #openPlayback} gave it, owned from now on
     */
    public void play(String name, Fd file, Container container, long size) {
        hasWav |= container == Container.WAV;
        playback.add(new PlaybackFile(label, name, file, container, size));
    }

    /**
     * Adds the file of the next capture stream.
     *
     * @param file as {@link #openCapture} gave it, owned from now on
     * @param wav what is in it, or null for raw samples
     */
    public void capture(String name, Fd file, @Nullable WavFormat wav) {
        capture.add(new CaptureFile(label, name, file, wav));
    }

    /** WAV does not have them all. */
    @Override
    public boolean takes(SampleFormat format) {
        return format.bytes() > 0 && (!hasWav || WavFormat.has(format));
    }

    @Override
    public SoundStream open(StreamParameters parameters, Poller poller, StreamEvents events) {
        int index = parameters.index();
        if (index >= (parameters.isCapture() ? capture : playback).size()) {
            return nothing.open(parameters, poller, events);
        }
        if (parameters.isCapture()) {
            CaptureFile file = capture.get(index);
            file.begin(parameters);
            return new FileStream.Capture(parameters, file, isPaced, poller, events);
        }
        PlaybackFile file = playback.get(index);
        file.begin(parameters);
        if (file.hasLeadIn()) {
            file.silence(Silence.of(parameters.format()), parameters.periodBytes());
        }
        return new FileStream.Playback(parameters, file, isPaced, poller, events);
    }

    @Override
    public void close() {
        playback.forEach(PlaybackFile::close);
        capture.forEach(CaptureFile::close);
    }
}
