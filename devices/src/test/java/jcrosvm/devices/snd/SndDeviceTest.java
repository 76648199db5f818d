package jcrosvm.devices.snd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.config.ConfigException;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.Quiet;
import jcrosvm.virtio.VirtioDevice;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(SndDriver.Host.class)
class SndDeviceTest {
    private static final int OK = 0x8000;
    private static final int BAD_MSG = 0x8001;
    private static final int NOT_SUPP = 0x8002;
    private static final int IO_ERR = 0x8003;
    private static final int XRUNS = 1 << 4;
    private static final int PERIODS = 1 << 3;

    private final SndDriver.Host host;

    @TempDir
    private Path dir;

    SndDeviceTest(SndDriver.Host host) {
        this.host = host;
    }

    private static SndConfig config(String text) {
        return RecordBinder.bind(KeyValueParser.parse(text), SndConfig.class);
    }

    private SndDriver driver(String text) {
        return new SndDriver(host, config(text));
    }

    /** 10 ms at 48 kHz, S16, stereo. */
    private static final int PERIOD = 1920;

    private static void ready(SndDriver driver, int stream, int features) {
        assertThat(driver.setParameters(stream, 4 * PERIOD, PERIOD, features, 2, SndDriver.S16, SndDriver.HZ_48000))
                .isEqualTo(OK);
        assertThat(driver.prepare(stream)).isEqualTo(OK);
    }

    private static byte[] noise(int length, long seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private static byte[] part(byte[] of, int period, int index) {
        return Arrays.copyOfRange(of, index * period, (index + 1) * period);
    }

    @Test
    void configurationCountsStreamsAndChannelMaps() {
        try (SndDriver driver = driver("num_output_devices=2,num_output_streams=3,num_input_devices=2")) {
            ByteBuffer config = SndDriver.bytes(driver.driver.config());
            assertThat(config.getInt()).isZero();
            assertThat(config.getInt()).isEqualTo(2 * 3 + 2);
            assertThat(config.getInt()).isEqualTo(3 * 2 + 2);
            assertThat(config.getInt()).isZero();
            assertThat(driver.driver.device().traits().queueSizes()).containsExactly(1024, 1024, 1024, 1024);
            assertThat(driver.driver.device().traits().type()).isEqualTo(25);
        }
    }

    @Test
    void streamsAreDescribedAsByCrosvm() {
        try (SndDriver driver = driver("num_output_devices=2")) {
            ByteBuffer all = driver.ask(SndDriver.words(0x100, 0, 3, 32), 96);
            assertThat(all.getInt()).isEqualTo(OK);
            for (int i = 0; i < 3; i++) {
                assertThat(all.getInt()).isEqualTo(i % 2);
                assertThat(all.getInt()).isEqualTo(XRUNS | PERIODS);
                assertThat(all.getLong()).isEqualTo(1 << 4 | 1 << 5 | 1 << 15 | 1 << 17);
                assertThat(all.getLong()).isEqualTo(0xfe);
                assertThat(all.get()).isEqualTo((byte) (i == 2 ? 1 : 0));
                assertThat(all.get()).isEqualTo((byte) 1);
                assertThat(all.get()).isEqualTo((byte) (i == 2 ? 2 : 6));
                all.get(new byte[5]);
            }
            ByteBuffer maps = driver.ask(SndDriver.words(0x200, 6, 1, 24), 24);
            byte[] last = new byte[24];
            maps.getInt();
            maps.get(last);
            assertThat(last).startsWith(1, 0, 0, 0, 0, 6, 3, 4, 7, 8, 5, 6);
            // A driver of a later specification knows longer ones.
            assertThat(driver.ask(SndDriver.words(0x100, 1, 2, 40), 80).remaining())
                    .isEqualTo(84);
        }
    }

    @Test
    void allFormatsAndRatesAreThereIfAskedFor() {
        try (SndDriver driver = driver("formats=all")) {
            ByteBuffer one = driver.ask(SndDriver.words(0x100, 0, 1, 32), 32);
            assertThat(one.getLong(12)).isEqualTo((1 << 25) - 2); // all but IMA ADPCM
            assertThat(one.getLong(20)).isEqualTo((1 << 14) - 1);
            for (int format = 1; format < 25; format++) {
                for (int rate = 0; rate < 14; rate++) {
                    assertThat(driver.setParameters(0, 1 << 16, 1 << 15, 0, 1, format, rate))
                            .isEqualTo(OK);
                }
            }
        }
    }

    @Test
    void oddQuestionsAreAnswered() {
        try (SndDriver driver = driver("backend=null")) {
            assertThat(driver.ask(SndDriver.words(1, 0, 0, 24), 0).getInt()).isEqualTo(OK);
            assertThat(driver.ask(SndDriver.words(1, 0, 1, 24), 24).getInt()).isEqualTo(BAD_MSG);
            assertThat(driver.status(2, 0, 0, 0)).isEqualTo(NOT_SUPP);
            assertThat(driver.ask(SndDriver.words(0x100, 1, 2, 32), 64).getInt())
                    .isEqualTo(BAD_MSG);
            assertThat(driver.ask(SndDriver.words(0x100, -1, -1, -1), 64).getInt())
                    .isEqualTo(BAD_MSG);
            assertThat(driver.ask(SndDriver.words(0x100, 0, 1, 0), 64).getInt()).isEqualTo(BAD_MSG);
            assertThat(driver.ask(SndDriver.words(0x100, 0, 2, 32), 63).getInt())
                    .isEqualTo(BAD_MSG);
            assertThat(driver.status(0x100)).isEqualTo(BAD_MSG);
            assertThat(driver.status(0x102)).isEqualTo(BAD_MSG);
            assertThat(driver.status(0x101, 0)).isEqualTo(BAD_MSG);
            assertThat(driver.status(0x102, 2)).isEqualTo(BAD_MSG);
            assertThat(driver.status(0x104, -1)).isEqualTo(BAD_MSG);
            assertThat(driver.status(0x300, 0)).isEqualTo(BAD_MSG);
            assertThat(driver.status(0)).isEqualTo(BAD_MSG);
            assertThat(driver.ask(new byte[0], 0).getInt()).isEqualTo(BAD_MSG);
            assertThat(driver.ask(new byte[3], 0).getInt()).isEqualTo(BAD_MSG);
            MockQueue control = driver.control;
            assertThat(control.perform(control.readable(SndDriver.words(0x102, 0)), control.writable(3))
                            .written())
                    .isZero();
            assertThat(control.perform(control.readable(SndDriver.words(0x102, 0)))
                            .written())
                    .isZero();
            assertThat(driver.driver.failed()).isFalse();
        }
    }

    @Test
    void parametersOutsideOfWhatIsAnnouncedAreRefused() {
        try (SndDriver driver = driver("backend=null")) {
            assertThat(driver.setParameters(0, 4096, 1024, 0, 7, 5, 7)).isEqualTo(NOT_SUPP);
            assertThat(driver.setParameters(1, 4096, 1024, 0, 3, 5, 7)).isEqualTo(NOT_SUPP);
            assertThat(driver.setParameters(0, 4096, 1024, 0, 0, 5, 7)).isEqualTo(NOT_SUPP);
            assertThat(driver.setParameters(0, 4096, 1024, 0, 2, 6, 7)).isEqualTo(NOT_SUPP);
            for (int far : new int[] {25, 63, 64, 69, 128, 255}) {
                assertThat(driver.setParameters(0, 4096, 1024, 0, 2, far, 7)).isEqualTo(NOT_SUPP);
                assertThat(driver.setParameters(0, 4096, 1024, 0, 2, 5, far)).isEqualTo(NOT_SUPP);
            }
            for (int feature : new int[] {1, 2, 4, 32, 1 << 31}) {
                assertThat(driver.setParameters(0, 4096, 1024, feature, 2, 5, 7))
                        .isEqualTo(NOT_SUPP);
            }
            assertThat(driver.setParameters(0, 4096, 0, 0, 2, 5, 7)).isEqualTo(BAD_MSG);
            assertThat(driver.setParameters(0, 4096, 1000, 0, 2, 5, 7)).isEqualTo(BAD_MSG);
            assertThat(driver.setParameters(0, 0, 1024, 0, 2, 5, 7)).isEqualTo(BAD_MSG);
            assertThat(driver.setParameters(0, -1, -1, 0, 2, 5, 7)).isEqualTo(NOT_SUPP);
            assertThat(driver.setParameters(2, 4096, 1024, 0, 2, 5, 7)).isEqualTo(BAD_MSG);
            // Periods that are no whole frames, or shorter than a millisecond, are found out when it becomes serious.
            assertThat(driver.setParameters(0, 8188, 4094, 0, 2, 5, 7)).isEqualTo(OK);
            assertThat(driver.prepare(0)).isEqualTo(NOT_SUPP);
            assertThat(driver.setParameters(0, 4, 4, 0, 2, 5, 7)).isEqualTo(OK);
            assertThat(driver.prepare(0)).isEqualTo(NOT_SUPP);
        }
    }

    /** Every request in every state. */
    @Test
    void statesFollowOneAnotherAsInCrosvm() {
        try (SndDriver driver = driver("backend=null")) {
            List<String> names = List.of("none", "set", "prepare", "release", "start", "stop");
            String allowed = """
                    none    set
                    set     set prepare
                    prepare set prepare release start
                    release set prepare
                    start   stop
                    stop    release start
                    """;
            for (String state : names) {
                for (String next : names.subList(1, 6)) {
                    driver.driver.reset();
                    SndDriver fresh = again(driver.driver);
                    assertThat(path(fresh, state)).as("to %s", state).isTrue();
                    boolean isAllowed = allowed.lines()
                            .map(line -> Arrays.asList(line.split(" +")))
                            .anyMatch(line -> line.getFirst().equals(state)
                                    && line.subList(1, line.size()).contains(next));
                    // A device that was just reset is patient with stray requests.
                    int otherwise = state.equals("none") ? OK : NOT_SUPP;
                    assertThat(request(fresh, next))
                            .as("%s after %s", next, state)
                            .isEqualTo(isAllowed ? OK : otherwise);
                }
            }
        }
    }

    private static SndDriver again(MockDriver driver) {
        return new SndDriver(driver);
    }

    private static boolean path(SndDriver driver, String state) {
        List<String> path = switch (state) {
            case "none" -> List.<String>of();
            case "set" -> List.of("set");
            case "prepare" -> List.of("set", "prepare");
            case "release" -> List.of("set", "prepare", "release");
            case "start" -> List.of("set", "prepare", "start");
            default -> List.of("set", "prepare", "start", "stop");
        };
        return path.stream().allMatch(step -> request(driver, step) == OK);
    }

    private static int request(SndDriver driver, String name) {
        return switch (name) {
            case "set" -> driver.setParameters(0, 4 * PERIOD, PERIOD, 0, 2, SndDriver.S16, SndDriver.HZ_48000);
            case "prepare" -> driver.prepare(0);
            case "release" -> driver.release(0);
            case "start" -> driver.start(0);
            default -> driver.stop(0);
        };
    }

    @Test
    void aStreamThatWasNeverResetRefusesStrayRequests() {
        try (SndDriver driver = driver("backend=null")) {
            for (int code = 0x102; code <= 0x105; code++) {
                assertThat(driver.status(code, 0)).isEqualTo(NOT_SUPP);
            }
        }
    }

    /** What aplay does with a second of sound, and where crosvm's test looks for it. */
    @Test
    void aSecondOfSoundIsInTheFileBitByBit() throws Exception {
        int period = 48_000;
        byte[] samples = noise(4 * period, 1);
        Path folder = Files.createDirectory(dir.resolve("out"));
        int size = 1_000_000;
        try (SndDriver driver =
                driver("backend=file,playback_path=" + folder + ",playback_size=" + size + ",num_input_devices=0")) {
            assertThat(driver.setParameters(0, 4 * period, period, XRUNS, 2, SndDriver.S16, SndDriver.HZ_48000))
                    .isEqualTo(OK);
            assertThat(driver.prepare(0)).isEqualTo(OK);
            for (int i = 0; i < 4; i++) {
                driver.play(0, part(samples, period, i));
            }
            long start = System.nanoTime();
            assertThat(driver.start(0)).isEqualTo(OK);
            assertThat(driver.played(4)).containsOnly(OK);
            assertThat(System.nanoTime() - start).isGreaterThan(990_000_000L);
            assertThat(driver.stop(0)).isEqualTo(OK);
            assertThat(driver.release(0)).isEqualTo(OK);
        }
        byte[] file = Files.readAllBytes(folder.resolve("stream-0.out"));
        assertThat(file).hasSize(size + 1);
        assertThat(Arrays.copyOf(file, period)).containsOnly(0);
        assertThat(Arrays.copyOfRange(file, 48_000, 48_000 + 192_000)).isEqualTo(samples);
        assertThat(Arrays.copyOfRange(file, 240_000, size + 1)).containsOnly(0);
    }

    @Test
    void whatDoesNotFitIntoTheFileIsDropped() throws Exception {
        int size = 3 * PERIOD + 100;
        byte[] samples = noise(4 * PERIOD, 2);
        try (SndDriver driver = driver("backend=file,pace=off,playback_path=" + dir + ",playback_size=" + size)) {
            ready(driver, 0, 0);
            driver.start(0);
            for (int i = 0; i < 4; i++) {
                driver.play(0, part(samples, PERIOD, i));
            }
            assertThat(driver.played(4)).containsOnly(OK);
        }
        byte[] file = Files.readAllBytes(dir.resolve("stream-0.out"));
        assertThat(file).hasSize(size + 1);
        assertThat(Arrays.copyOfRange(file, PERIOD, size)).isEqualTo(Arrays.copyOf(samples, 2 * PERIOD + 100));
        assertThat(file[size]).isZero();
    }

    @Test
    void aStreamThatIsOpenedAgainGoesOnInItsFile() throws Exception {
        byte[] samples = noise(2 * PERIOD, 3);
        try (SndDriver driver = driver("backend=file,pace=off,container=wav,playback_path=" + dir
                + ",playback_size=100000,num_output_streams=2")) {
            for (int i = 0; i < 2; i++) {
                ready(driver, 1, 0);
                driver.start(1);
                driver.play(1, part(samples, PERIOD, i));
                assertThat(driver.played(1)).containsOnly(OK);
                driver.stop(1);
                driver.release(1);
            }
            // Other samples have no place in the same WAV file.
            assertThat(driver.setParameters(1, 4 * PERIOD, PERIOD, 0, 1, 4, 1)).isEqualTo(OK);
            assertThat(driver.prepare(1)).isEqualTo(IO_ERR);
        }
        byte[] file = Files.readAllBytes(dir.resolve("stream-1.wav"));
        assertThat(file).hasSize(44 + 2 * PERIOD);
        assertThat(Arrays.copyOfRange(file, 44, file.length)).isEqualTo(samples);
        assertThat(SndDriver.bytes(file).getInt(40)).isEqualTo(2 * PERIOD);
    }

    @Test
    void capturesAFileBitByBitAndThenSilence() throws Exception {
        byte[] samples = noise(5 * PERIOD + 40, 4);
        Path file = Files.write(dir.resolve("in.raw"), samples);
        for (String pace : List.of("off", "clock")) {
            try (SndDriver driver = driver("backend=file,capture=true,pace=" + pace + ",capture_path=" + file)) {
                ready(driver, 1, 0);
                for (int i = 0; i < 7; i++) {
                    driver.capture(1, PERIOD);
                }
                assertThat(driver.receive.poll()).isEmpty();
                driver.start(1);
                byte[] heard = new byte[7 * PERIOD];
                List<byte[]> periods = driver.captured(7);
                for (int i = 0; i < 7; i++) {
                    System.arraycopy(periods.get(i), 0, heard, i * PERIOD, PERIOD);
                }
                assertThat(heard).as(pace).isEqualTo(Arrays.copyOf(samples, 7 * PERIOD));
            }
        }
    }

    @Test
    void capturesWhatWasPlayedAsWav() throws Exception {
        byte[] samples = noise(4 * PERIOD, 5);
        Path file = dir.resolve("loop.wav");
        try (SndDriver driver = driver("backend=file,pace=off,playback_size=100000,playback_path=" + file)) {
            ready(driver, 0, 0);
            driver.start(0);
            for (int i = 0; i < 4; i++) {
                driver.play(0, part(samples, PERIOD, i));
            }
            driver.played(4);
        }
        try (SndDriver driver = driver("backend=file,capture,pace=off,capture_path=" + file)) {
            assertThat(driver.setParameters(1, 4 * PERIOD, PERIOD, 0, 1, SndDriver.S16, SndDriver.HZ_48000))
                    .isEqualTo(OK);
            assertThat(driver.prepare(1)).as("other samples than the file has").isEqualTo(IO_ERR);
            ready(driver, 1, 0);
            driver.start(1);
            for (int i = 0; i < 4; i++) {
                driver.capture(1, PERIOD);
                assertThat(driver.captured(1).getFirst()).isEqualTo(part(samples, PERIOD, i));
            }
        }
    }

    @Test
    void capturesSilenceUnlessItMayCapture() throws Exception {
        try (SndDriver driver = driver("backend=null")) {
            assertThat(driver.setParameters(1, 4 * 480, 480, 0, 1, 4, SndDriver.HZ_48000))
                    .isEqualTo(OK);
            driver.prepare(1);
            driver.start(1);
            driver.capture(1, 480);
            assertThat(driver.captured(1).getFirst()).containsOnly(0x80); // unsigned samples
        }
    }

    @Test
    void underrunsAreToldAndSilent() throws Exception {
        byte[] samples = noise(2 * PERIOD, 6);
        try (SndDriver driver = driver("backend=file,playback_size=10000000,playback_path=" + dir)) {
            ready(driver, 0, XRUNS | PERIODS);
            driver.play(0, part(samples, PERIOD, 0));
            driver.start(0);
            driver.played(1);
            awaitEvent(driver, "1101:0");
            driver.play(0, part(samples, PERIOD, 1));
            driver.played(1);
            driver.stop(0);
            driver.release(0);
            assertThat(driver.events()).startsWith("1100:0", "1101:0").contains("1100:0");
            assertThat(Collections.frequency(driver.events(), "1100:0")).isEqualTo(2);
        }
        byte[] file = Files.readAllBytes(dir.resolve("stream-0.out"));
        assertThat(Arrays.copyOfRange(file, PERIOD, 2 * PERIOD)).isEqualTo(part(samples, PERIOD, 0));
        assertThat(Arrays.copyOfRange(file, 2 * PERIOD, 3 * PERIOD)).containsOnly(0);
        int second = 3;
        while (!Arrays.equals(file, second * PERIOD, (second + 1) * PERIOD, samples, PERIOD, 2 * PERIOD)) {
            second++;
        }
    }

    private static void awaitEvent(SndDriver driver, String event) {
        while (!driver.events().contains(event)) {
            Thread.onSpinWait();
        }
    }

    @Test
    void driversThatWantNoEventsGetNone() {
        try (SndDriver driver = driver("backend=null")) {
            ready(driver, 0, 0);
            driver.start(0);
            driver.play(0, new byte[PERIOD]);
            driver.played(1);
            driver.play(0, new byte[PERIOD]);
            driver.played(1);
            assertThat(driver.events()).isEmpty();
        }
    }

    @Test
    void releaseGivesAllRequestsBackFirst() {
        try (SndDriver driver = driver("backend=null")) {
            ready(driver, 0, 0);
            ready(driver, 1, 0);
            for (int i = 0; i < 4; i++) {
                driver.play(0, new byte[PERIOD]);
                driver.capture(1, PERIOD);
            }
            driver.start(0);
            driver.stop(0);
            assertThat(driver.release(0)).isEqualTo(OK);
            assertThat(driver.transmit.poll().size()).isEqualTo(4);
            assertThat(driver.release(1)).isEqualTo(OK);
            assertThat(driver.receive.poll().size()).isEqualTo(4);
            driver.play(0, new byte[PERIOD]);
            assertThat(driver.played(1)).containsOnly(IO_ERR);
        }
    }

    @Test
    void requestsThatNoStreamTakesFail() {
        try (SndDriver driver = driver("backend=null")) {
            driver.play(0, new byte[PERIOD]); // not prepared
            driver.play(9, new byte[PERIOD]);
            driver.play(-1, new byte[PERIOD]);
            assertThat(driver.played(3)).containsOnly(IO_ERR);
            ready(driver, 0, 0);
            ready(driver, 1, 0);
            driver.play(0, new byte[PERIOD - 4]);
            driver.play(1, new byte[PERIOD]); // captures
            driver.play(0, new byte[0]);
            assertThat(driver.played(3)).containsOnly(IO_ERR);
            MockQueue transmit = driver.transmit;
            assertThat(transmit.perform(transmit.readable(new byte[3]), transmit.writable(8))
                            .written())
                    .isEqualTo(8);
            assertThat(transmit.perform(transmit.readable(SndDriver.words(0)), transmit.writable(7))
                            .written())
                    .isZero();
            assertThat(transmit.perform(transmit.writable(8)).written()).isEqualTo(8);
            MockQueue receive = driver.receive;
            MockQueue.Buffer samples = receive.writable(PERIOD + 4);
            MockQueue.Buffer status = receive.writable(8);
            assertThat(receive.perform(receive.readable(SndDriver.words(1)), samples, status)
                            .written())
                    .isEqualTo(PERIOD + 12);
            assertThat(SndDriver.bytes(receive.content(status)).getInt()).isEqualTo(IO_ERR);
            assertThat(driver.driver.failed()).isFalse();
        }
    }

    /** The first periods of a file that are not silent: a busy machine may be late for some. */
    private static byte[] sounding(Path path, int periods) throws Exception {
        byte[] file = Files.readAllBytes(path);
        ByteBuffer out = ByteBuffer.allocate(periods * PERIOD);
        for (int at = 0; out.hasRemaining(); at += PERIOD) {
            byte[] period = Arrays.copyOfRange(file, at, at + PERIOD);
            if (!Arrays.equals(period, new byte[PERIOD])) {
                out.put(period);
            }
        }
        return out.array();
    }

    /** Suspended and resumed at every moment, what is played is the same. */
    @Test
    void queuesStopAndStartWithoutALoss() throws Exception {
        int periods = 60;
        byte[] samples = noise(periods * PERIOD, 7);
        try (SndDriver driver = driver("backend=file,playback_size=10000000,playback_path=" + dir)) {
            ready(driver, 0, XRUNS);
            List<Integer> done = new ArrayList<>();
            int sent = 0;
            boolean isStarted = false;
            while (done.size() < periods) {
                while (sent < periods && sent - done.size() < 6) {
                    driver.play(0, part(samples, PERIOD, sent++));
                }
                if (!isStarted) {
                    isStarted = driver.start(0) == OK;
                }
                done.addAll(driver.played(1));
                if (done.size() % 7 == 3) {
                    driver.transmit.stop();
                    driver.receive.stop();
                    driver.control.stop();
                    driver.events.stop();
                    driver.events.restart();
                    driver.control.restart();
                    driver.receive.restart();
                    driver.transmit.restart();
                }
            }
            assertThat(done).containsOnly(OK);
        }
        assertThat(sounding(dir.resolve("stream-0.out"), periods)).isEqualTo(samples);
    }

    /** Requests of a stream that stands still, under ones of another that went on, cannot go back into the ring. */
    @Test
    void whatCannotGoBackIsMovedWhenTheQueueStops() {
        try (SndDriver driver = driver("num_output_streams=2,num_input_streams=2")) {
            ready(driver, 0, 0);
            ready(driver, 1, 0);
            driver.play(0, new byte[PERIOD]);
            driver.start(1);
            for (int i = 0; i < 3; i++) {
                driver.play(1, new byte[PERIOD]);
            }
            driver.played(2);
            driver.transmit.stop();
            driver.transmit.restart();
            assertThat(driver.played(2)).containsOnly(OK);
        }
    }

    @Test
    void aDriverThatBeginsAnewFindsItAsItWas() {
        try (SndDriver driver = driver("backend=null")) {
            ready(driver, 0, 0);
            driver.start(0);
            driver.play(0, new byte[PERIOD]);
            driver.driver.reset();
            SndDriver fresh = again(driver.driver);
            ready(fresh, 0, 0);
            fresh.start(0);
            fresh.play(0, new byte[PERIOD]);
            assertThat(fresh.played(1)).containsOnly(OK);
        }
    }

    @Test
    void mutedStreamsAreSilent() throws Exception {
        byte[] samples = noise(3 * PERIOD, 8);
        Path in = Files.write(dir.resolve("in.raw"), samples);
        try (SndDriver driver = driver(
                "backend=file,capture,pace=off,playback_size=100000,playback_path=" + dir + ",capture_path=" + in)) {
            ready(driver, 0, 0);
            ready(driver, 1, 0);
            driver.start(0);
            driver.start(1);
            for (int i = 0; i < 3; i++) {
                assertThat(mute(driver, i == 1)).isEqualTo("\"Ok\"");
                driver.play(0, part(samples, PERIOD, i));
                assertThat(driver.played(1)).containsOnly(OK);
                driver.capture(1, PERIOD);
                assertThat(driver.captured(1).getFirst())
                        .isEqualTo(i == 1 ? new byte[PERIOD] : part(samples, PERIOD, i));
            }
        }
        byte[] file = Files.readAllBytes(dir.resolve("stream-0.out"));
        assertThat(part(file, PERIOD, 1)).isEqualTo(part(samples, PERIOD, 0));
        assertThat(part(file, PERIOD, 2)).containsOnly(0);
        assertThat(part(file, PERIOD, 3)).isEqualTo(part(samples, PERIOD, 2));
    }

    private static String mute(SndDriver driver, boolean on) {
        return ask(driver, "{\"MuteAll\":" + on + "}");
    }

    private static String ask(SndDriver driver, String body) {
        return new SndModule()
                .verbs()
                .getFirst()
                .perform(JsonReader.parse(body), Map.of(0, driver.driver.device()))
                .thenApply(JsonWriter::compact)
                .toCompletableFuture()
                .join();
    }

    @Test
    void otherCommandsAreRefused() {
        try (SndDriver driver = driver("backend=null")) {
            for (String body :
                    List.of("\"MuteAll\"", "{}", "{\"MuteAll\":1}", "{\"MuteAll\":\"true\"}", "{\"Mute\":true}")) {
                assertThatThrownBy(() -> ask(driver, body)).isInstanceOf(ConfigException.class);
            }
            // At once, or as the reply.
            assertThatThrownBy(() -> driver.driver
                            .device()
                            .command("DiskCommand", JsonReader.parse("{}"))
                            .toCompletableFuture()
                            .join())
                    .satisfies(e -> assertThat(e instanceof OsException ? e : e.getCause())
                            .isInstanceOf(OsException.class)
                            .extracting(error -> ((OsException) error).errno())
                            .isEqualTo(Errno.ENOTSUP));
            assertThat(new SndModule()
                            .verbs()
                            .getFirst()
                            .perform(JsonReader.parse("{\"MuteAll\":true}"), Map.<Integer, VirtioDevice>of()))
                    .isCompleted();
        }
    }

    @Test
    void goesOnElsewhere() throws Exception {
        byte[] samples = noise(6 * PERIOD, 9);
        String text = "backend=file,playback_size=100000,playback_path=" + dir;
        byte[] state;
        try (SndDriver driver = driver(text)) {
            ready(driver, 0, XRUNS);
            driver.start(0);
            for (int i = 0; i < 3; i++) {
                driver.play(0, part(samples, PERIOD, i));
            }
            driver.played(3);
            mute(driver, true);
            mute(driver, false);
            for (MockQueue queue : List.of(driver.control, driver.events, driver.transmit, driver.receive)) {
                queue.stop();
            }
            state = driver.driver.device().saveState();
        }
        VirtioDevice device = SndDriver.device(host, config(text));
        device.restoreState(state);
        assertThat(device.saveState()).isEqualTo(state);
        try (SndDriver driver = new SndDriver(host, device)) {
            for (int i = 3; i < 6; i++) {
                driver.play(0, part(samples, PERIOD, i));
            }
            assertThat(driver.played(3)).containsOnly(OK);
            assertThat(driver.prepare(0)).isEqualTo(NOT_SUPP); // it runs
            assertThat(driver.stop(0)).isEqualTo(OK);
        }
        assertThat(sounding(dir.resolve("stream-0.out"), 3))
                .isEqualTo(Arrays.copyOfRange(samples, 3 * PERIOD, 6 * PERIOD));
    }

    @Test
    void statesOfOtherCardsAreRefused() {
        try (SndDriver driver = driver("backend=null");
                SndDriver other = driver("num_output_streams=2");
                SndDriver all = driver("formats=all")) {
            List.of(driver, other, all).forEach(one -> one.queues().forEach(MockQueue::stop));
            byte[] state = driver.driver.device().saveState();
            for (SndDriver refusing : List.of(other, all)) {
                assertThatThrownBy(() -> refusing.driver.device().restoreState(state))
                        .isInstanceOf(VmmException.class)
                        .hasMessageStartingWith(host.refusedState("[Card 0] "));
            }
            String text = new String(state, StandardCharsets.UTF_8);
            for (String broken : List.of(
                    text.replace("\"none\"", "\"start\""),
                    text.replace("\"channels\":0", "\"channels\":-1"),
                    text.replace("\"format\":0", "\"format\":64"),
                    text.substring(0, text.length() - 1),
                    "")) {
                assertThatThrownBy(() -> driver.driver.device().restoreState(broken.getBytes(StandardCharsets.UTF_8)))
                        .as(broken)
                        .isInstanceOf(VmmException.class);
            }
            driver.queues().forEach(MockQueue::restart);
            ready(driver, 0, 0);
        }
    }

    /** Without a server, the card goes on by the clock. */
    @Test
    void aServerThatIsNotThereHoldsNothingUp() {
        try (SndDriver driver = driver("backend=pulse,capture=true,server=" + dir.resolve("none"))) {
            ready(driver, 0, XRUNS);
            ready(driver, 1, XRUNS);
            for (int i = 0; i < 4; i++) {
                driver.play(0, new byte[PERIOD]);
                driver.capture(1, PERIOD);
            }
            driver.start(0);
            driver.start(1);
            assertThat(driver.played(4)).containsOnly(OK);
            assertThat(driver.captured(4)).allMatch(samples -> Arrays.equals(samples, new byte[PERIOD]));
            driver.stop(0);
            assertThat(driver.release(0)).isEqualTo(OK);
        }
    }

    /** A broken event queue costs the events, and no sound. */
    @Test
    void eventsThatCannotBeToldStopTheirQueueOnly() {
        Quiet.please();
        try (SndDriver driver = driver("backend=null")) {
            driver.events.stop();
            MockQueue events = driver.driver.start(1, 8);
            events.descriptor(0, 0xffff_ffff_0000L, 8, 2, 0);
            events.available(0);
            ready(driver, 0, XRUNS | PERIODS);
            driver.play(0, new byte[PERIOD]);
            driver.start(0);
            while (!driver.driver.failed()) {
                Thread.onSpinWait();
            }
            assertThat(driver.transmit.poll().size()).isLessThanOrEqualTo(1);
            assertThat(driver.driver.device().stopQueue(2)).isNotNull();
            assertThat(driver.driver.device().stopQueue(1)).isNotNull();
        }
    }

    @Test
    void aPreparationThatFailsLeavesNothingBehind() throws Exception {
        Path file = dir.resolve("it.wav");
        try (SndDriver driver = driver("backend=file,pace=off,playback_size=100000,playback_path=" + file)) {
            ready(driver, 0, 0);
            driver.play(0, new byte[PERIOD]);
            // The file has stereo by now.
            assertThat(driver.setParameters(0, 4 * PERIOD, PERIOD, 0, 1, SndDriver.S16, SndDriver.HZ_48000))
                    .isEqualTo(OK);
            driver.played(1); // it comes back, whichever queue was looked at first
            assertThat(driver.prepare(0)).isEqualTo(IO_ERR);
            assertThat(driver.start(0)).isEqualTo(NOT_SUPP);
            ready(driver, 0, 0);
        }
    }

    /** Whatever bytes come, each request is answered, and the card plays afterwards. */
    @Test
    void arbitraryRequestsAreAnswered() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        try (SndDriver driver = driver("formats=all,num_output_streams=2")) {
            for (int i = 0; i < 5000; i++) {
                byte[] request = new byte[random.nextInt(28)];
                random.nextBytes(request);
                if (request.length >= 4 && random.nextInt(8) > 0) {
                    int code = List.of(1, 2, 0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x200)
                            .get(random.nextInt(9));
                    SndDriver.bytes(request).putInt(0, code);
                    if (request.length >= 8 && random.nextInt(4) > 0) {
                        SndDriver.bytes(request).putInt(4, random.nextInt(4));
                    }
                    if (request.length >= 16 && random.nextBoolean()) {
                        SndDriver.bytes(request).putInt(8, 8192).putInt(12, 1024 << random.nextInt(4));
                    }
                    if (request.length >= 24 && random.nextBoolean()) {
                        request[16] = (byte) (random.nextInt(4) << 3);
                        request[17] = request[18] = request[19] = 0;
                        request[20] = (byte) (1 + random.nextInt(2));
                        request[21] = (byte) random.nextInt(26);
                        request[22] = (byte) random.nextInt(15);
                    }
                }
                ByteBuffer answer = driver.ask(request, random.nextInt(200));
                assertThat(answer.getInt()).as("seed %d, request %d", seed, i).isBetween(OK, IO_ERR);
                if (i % 50 == 0) {
                    driver.play(random.nextInt(4), new byte[1024 << random.nextInt(3)]);
                    driver.capture(random.nextInt(4), 1024 << random.nextInt(3));
                    driver.transmit.poll();
                    driver.receive.poll();
                }
            }
            driver.driver.reset();
            SndDriver fresh = again(driver.driver);
            ready(fresh, 0, 0);
            fresh.start(0);
            fresh.play(0, new byte[PERIOD]);
            assertThat(fresh.played(1)).as("seed %d", seed).containsOnly(OK);
        }
    }
}
