package jcrosvm.sound.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.sound.Pump;
import jcrosvm.sound.SampleFormat;
import jcrosvm.sound.StreamParameters;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileBackendTest {
    private final Poller poller = new Poller();

    @TempDir
    private Path dir;

    @AfterEach
    void close() {
        poller.close();
    }

    private static StreamParameters stream(boolean capture, SampleFormat format, int channels, int frames) {
        int period = frames * channels * format.bytes();
        return new StreamParameters(0, capture, format, 48_000, channels, period, 2L * period, false);
    }

    private static byte[] noise(int length, long seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private void play(Path path, Container container, StreamParameters stream, byte[] samples) {
        try (FileBackend backend = new FileBackend("", false)) {
            backend.play(
                    path.toString(),
                    FileBackend.openPlayback(path, container, samples.length),
                    container,
                    samples.length);
            try (Pump pump = new Pump(backend, stream, poller)) {
                pump.give(samples);
                pump.stream().start();
                pump.ready();
                assertThat(pump.position()).isEqualTo(samples.length);
            }
        }
    }

    private byte[] capture(Path path, StreamParameters stream, int periods) {
        Fd file = FileBackend.openCapture(path);
        try (FileBackend backend = new FileBackend("", false)) {
            backend.capture(
                    path.toString(), file, Container.of(path) == Container.WAV ? WavFormat.read(file, "it") : null);
            try (Pump pump = new Pump(backend, stream, poller)) {
                for (int i = 0; i < periods; i++) {
                    pump.move();
                }
                return pump.captured();
            }
        }
    }

    @Test
    void everyWavFormatComesBackAsItWas() {
        for (SampleFormat format : SampleFormat.values()) {
            if (format.bytes() > 0 && WavFormat.has(format)) {
                for (int channels = 1; channels <= 6; channels++) {
                    Path path = dir.resolve(format + "-" + channels + ".wav");
                    StreamParameters stream = stream(false, format, channels, 100);
                    byte[] samples = noise(5 * stream.periodBytes(), channels);
                    play(path, Container.WAV, stream, samples);
                    assertThat(capture(path, stream(true, format, channels, 100), 5))
                            .isEqualTo(samples);
                }
            }
        }
    }

    /** Another program's reading of our header. */
    @Test
    void pythonReadsTheWav() throws Exception {
        Path python = Path.of("/usr/bin/python3");
        assumeThat(python).exists();
        Path path = dir.resolve("it.wav");
        play(path, Container.WAV, stream(false, SampleFormat.S16, 2, 480), noise(4 * 4800, 1));
        Process process = new ProcessBuilder(
                        python.toString(),
                        "-W",
                        "ignore",
                        "-c",
                        "import wave,sys; print(*wave.open(sys.argv[1]).getparams()[:4])",
                        path.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes()).strip();
        assumeThat(said).as("python has its module wave").doesNotContain("ModuleNotFoundError");
        assertThat(said).isEqualTo("2 2 48000 4800");
    }

    @Test
    void framesThatAreCutShortAreSilent() throws Exception {
        Path path = Files.write(dir.resolve("odd.raw"), noise(401, 2));
        byte[] heard = capture(path, stream(true, SampleFormat.S16, 2, 50), 3);
        assertThat(heard).isEqualTo(Arrays.copyOf(Arrays.copyOf(noise(401, 2), 400), 600));
    }

    @Test
    void silenceIsInTheMiddleOfUnsignedSamples() throws Exception {
        Path path = Files.write(dir.resolve("none.raw"), new byte[0]);
        byte[] heard = capture(path, stream(true, SampleFormat.U18_3, 2, 4), 1);
        assertThat(heard).startsWith(0, 0, 2, 0, 0, 2).hasSize(24);
        assertThat(capture(path, stream(true, SampleFormat.MU_LAW, 1, 4), 1)).containsOnly(0xff);
        assertThat(capture(path, stream(true, SampleFormat.U32, 1, 2), 1))
                .containsExactly(0, 0, 0, 0x80, 0, 0, 0, 0x80);
    }

    @Test
    void filesThatCannotBeUsedAreRefused() throws Exception {
        assertThatThrownBy(() -> FileBackend.openPlayback(dir.resolve("none/stream-0.out"), Container.RAW, 10))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("stream-0.out: No such file or directory");
        assertThatThrownBy(() -> FileBackend.openPlayback(dir, Container.RAW, 10))
                .isInstanceOf(VmmException.class);
        assertThatThrownBy(() -> FileBackend.openPlayback(Path.of("/dev/null"), Container.RAW, 10))
                .isInstanceOf(VmmException.class)
                .hasMessage("/dev/null is no regular file: sound cannot be played into it");
        assertThatThrownBy(() -> FileBackend.openCapture(Path.of("/dev/zero"))).isInstanceOf(VmmException.class);
        assertThatThrownBy(() -> read(new byte[60])).hasMessage("it is no WAV file");
    }

    private WavFormat read(byte[] bytes) throws Exception {
        Path path = Files.write(dir.resolve("any.wav"), bytes);
        try (Fd file = FileBackend.openCapture(path)) {
            return WavFormat.read(file, "it");
        }
    }

    @Test
    void whateverIsInAWavFileIsReadOrRefused() throws Exception {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        ByteBuffer good = ByteBuffer.allocate(300).order(ByteOrder.LITTLE_ENDIAN);
        good.put("RIFF".getBytes()).putInt(292).put("WAVE".getBytes());
        good.put("LIST".getBytes()).putInt(5).put(new byte[6]);
        good.put("fmt ".getBytes()).putInt(40);
        good.putShort((short) 0xfffe)
                .putShort((short) 2)
                .putInt(44_100)
                .putInt(0)
                .putShort((short) 4);
        good.putShort((short) 16)
                .putShort((short) 22)
                .putShort((short) 16)
                .putInt(3)
                .putShort((short) 1)
                .put(new byte[14]);
        good.put("data".getBytes()).putInt(200);
        WavFormat format = read(good.array());
        assertThat(format).hasToString("S16, 44100 Hz, 2 channels");
        assertThat(format.length()).isEqualTo(200);
        for (int i = 0; i < 3000; i++) {
            byte[] bytes = Arrays.copyOf(good.array(), random.nextInt(300));
            for (int n = random.nextInt(4); n > 0 && bytes.length > 0; n--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            try {
                WavFormat any = read(bytes);
                assertThat(any.length()).as("seed %d", seed).isBetween(0L, (long) bytes.length);
                assertThat(any.rate()).isPositive();
            } catch (VmmException e) {
                assertThat(e.getMessage()).as("seed %d", seed).startsWith("it");
            }
        }
    }
}
