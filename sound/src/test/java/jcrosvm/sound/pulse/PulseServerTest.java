package jcrosvm.sound.pulse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import jcrosvm.base.io.Poller;
import jcrosvm.sound.Pump;
import jcrosvm.sound.SampleFormat;
import jcrosvm.sound.StreamParameters;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against a real server: what is played into a sink comes out of its monitor, bit by bit. */
class PulseServerTest {
    private static final int PERIOD = 4 * 4800;

    @TempDir
    private Path home;

    private PulseDaemon daemon;
    private PulseBackend backend;
    private final Poller poller = new Poller();

    @BeforeEach
    void start() throws Exception {
        assumeThat(PulseDaemon.PROGRAM).as("PulseAudio").exists();
        daemon = new PulseDaemon(home);
        backend = new PulseBackend(daemon.server(), "[Card 0] ");
    }

    @AfterEach
    void stop() throws Exception {
        if (daemon != null) {
            backend.close();
            daemon.close();
        }
        poller.close();
    }

    private Pump pump(boolean capture) {
        return new Pump(
                backend,
                new StreamParameters(0, capture, SampleFormat.S16, 48_000, 2, PERIOD, 4L * PERIOD, false),
                poller);
    }

    /** Samples that occur once. */
    private static byte[] melody(int periods, long seed) {
        ByteBuffer out = ByteBuffer.allocate(periods * PERIOD).order(ByteOrder.LITTLE_ENDIAN);
        Random random = new Random(seed);
        while (out.hasRemaining()) {
            out.putShort((short) (1 + random.nextInt(32_000)));
        }
        return out.array();
    }

    private static int find(byte[] in, byte[] what) {
        for (int at = 0; at + what.length <= in.length; at += 4) {
            if (in[at] == what[0] && Arrays.equals(in, at, at + what.length, what, 0, what.length)) {
                return at;
            }
        }
        return -1;
    }

    /** On a machine that is too busy for it, which the stream tells as an xrun, it is tried again. */
    @Test
    void whatIsPlayedIsHeardBitByBit() {
        for (int attempt = 1; !isHeard(attempt); attempt++) {
            assertThat(attempt).as("attempts that had xruns").isLessThan(5);
        }
    }

    private boolean isHeard(int seed) {
        try (Pump monitor = pump(true);
                Pump playback = pump(false)) {
            byte[] melody = melody(20, seed);
            monitor.stream().start();
            monitor.until(() -> monitor.position() >= 2 * PERIOD);
            playback.give(melody);
            playback.stream().start();
            playback.ready();
            playback.until(() -> playback.position() == melody.length);
            playback.until(() -> playback.stream().latencyBytes() > 0);
            int xruns = playback.xruns();
            playback.stream().close(); // what is in the server's buffer is heard
            int end = monitor.position() + 40 * PERIOD;
            // What a sink without hardware has rendered ahead when a stream begins, its monitor does not take back.
            byte[] heard = Arrays.copyOfRange(melody, 8 * PERIOD, melody.length);
            monitor.until(() -> monitor.position() >= end);
            boolean isHeard = find(monitor.captured(), heard) >= 0;
            assertThat(isHeard || xruns + monitor.xruns() > 0).isTrue();
            return isHeard;
        }
    }

    @Test
    void goesOnByTheClockWhileTheServerIsAway() throws Exception {
        try (Pump monitor = pump(true);
                Pump playback = pump(false)) {
            monitor.stream().start();
            playback.give(melody(400, 2));
            playback.stream().start();
            playback.until(() -> playback.position() >= 10 * PERIOD && monitor.position() >= 10 * PERIOD);
            daemon.kill();
            int played = playback.position();
            int captured = monitor.position();
            playback.until(
                    () -> playback.position() >= played + 10 * PERIOD && monitor.position() >= captured + 10 * PERIOD);
            daemon.start();
            byte[] second = melody(100, 3);
            playback.give(second);
            byte[] tail = Arrays.copyOfRange(second, 90 * PERIOD, 100 * PERIOD);
            playback.until(() -> find(monitor.captured(), tail) >= 0);
        }
    }

    /** A server that hangs is one that is away. */
    @Test
    void aServerThatHangsHoldsNothingUp() throws Exception {
        try (Pump playback = pump(false)) {
            playback.give(melody(1000, 4));
            playback.stream().start();
            playback.until(() -> playback.position() >= 10 * PERIOD);
            new ProcessBuilder("kill", "-STOP", Long.toString(daemon.pid()))
                    .start()
                    .waitFor();
            int played = playback.position();
            playback.until(() -> playback.position() >= played + 20 * PERIOD);
            new ProcessBuilder("kill", "-CONT", Long.toString(daemon.pid()))
                    .start()
                    .waitFor();
            playback.until(() -> playback.stream().latencyBytes() > 0);
        }
    }

    @Test
    void aSinkThatIsNotThereIsWaitedFor() {
        PulseServer server = daemon.server();
        try (PulseBackend lost =
                        new PulseBackend(new PulseServer(server.socket(), server.cookie(), "none", "", "test"), "");
                Pump playback = new Pump(
                        lost,
                        new StreamParameters(0, false, SampleFormat.S16, 48_000, 2, PERIOD, 4L * PERIOD, false),
                        poller)) {
            playback.give(melody(10, 5));
            playback.stream().start();
            playback.until(() -> playback.position() == 10 * PERIOD);
        }
    }

    @Test
    void everyFormatIsTaken() {
        for (SampleFormat format : SampleFormat.values()) {
            if (backend.takes(format)) {
                int period = 480 * format.bytes() * 6;
                try (Pump playback = new Pump(
                        backend,
                        new StreamParameters(1, false, format, 48_000, 6, period, 4L * period, false),
                        poller)) {
                    playback.give(new byte[period * 1000]);
                    playback.stream().start();
                    playback.until(() -> playback.stream().latencyBytes() > 0);
                }
            }
        }
    }
}
