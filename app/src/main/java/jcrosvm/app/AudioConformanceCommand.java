package jcrosvm.app;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.Arguments;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.sound.NullBackend;
import jcrosvm.sound.SampleFormat;
import jcrosvm.sound.SoundBackend;
import jcrosvm.sound.StreamParameters;
import jcrosvm.sound.file.Container;
import jcrosvm.sound.file.FileBackend;
import jcrosvm.sound.pulse.PulseBackend;
import jcrosvm.sound.pulse.PulseServer;

/**
 * {@code audio-conformance}: plays silence and measures when the host asks for it, as crosvm's {@code
 * audio_streams_conformance_test} does, in its words.
 */
final class AudioConformanceCommand extends Command {
    private static final int LEAST_RECORDS = 3;
    private static final int MOST = 1_000_000;
    private static final int BUFFERED_PERIODS = 2;
    private static final double MILLIS = 1e6;

    private static final Option<String> SOURCE = Option.word(
                    "stream-source",
                    String.class,
                    "noop|file|pulse",
                    "What plays: the clock (noop, default), a file that is thrown away, or PulseAudio.")
            .withLetter('P');
    private static final Option<Integer> CHANNELS = Option.word(
                    "channels", Integer.class, "N", "Samples of a frame (default 2).")
            .withLetter('c');
    private static final Option<String> FORMAT = Option.word(
                    "format", String.class, "U8|S16_LE|S24_LE|S32_LE", "Format of a sample (default S16_LE).")
            .withLetter('f');
    private static final Option<Integer> RATE = Option.word(
                    "rate", Integer.class, "HZ", "Frames a second (default 48000).")
            .withLetter('r');
    private static final Option<Integer> BUFFER_FRAMES = Option.word(
                    "buffer-frames", Integer.class, "N", "Frames played at a time (default 240).")
            .withLetter('b');
    private static final Option<Integer> ITERATIONS =
            Option.word("iterations", Integer.class, "N", "How often (default 10).");
    private static final Option<Boolean> JSON = Option.flag("json", "Print JSON.");
    private static final Option<Boolean> DEBUG = Option.flag("debug", "Print a line for each time.");

    private static final Map<String, SampleFormat> FORMATS = Map.of(
            "U8", SampleFormat.U8, "S16_LE", SampleFormat.S16, "S24_LE", SampleFormat.S24, "S32_LE", SampleFormat.S32);

    /** What is played, as the user gave it. */
    private record Plan(String source, int channels, String format, int rate, int frames, int iterations) {
        static Plan of(Arguments arguments) {
            String source = arguments.value(SOURCE);
            String format = arguments.value(FORMAT);
            return new Plan(
                    source == null ? "noop" : source,
                    number(arguments, CHANNELS, 2, 64),
                    format == null ? "S16_LE" : format,
                    number(arguments, RATE, 48_000, 384_000),
                    number(arguments, BUFFER_FRAMES, 240, MOST),
                    number(arguments, ITERATIONS, 10, MOST));
        }

        private static int number(Arguments arguments, Option<Integer> option, int otherwise, int most) {
            Integer given = arguments.value(option);
            if (given != null && (given < 1 || given > most)) {
                throw new UsageException("option --" + option.name() + ": " + given + " is not within 1 to " + most);
            }
            return given == null ? otherwise : given;
        }

        StreamParameters stream() {
            SampleFormat samples = FORMATS.get(format);
            if (samples == null) {
                throw new UsageException(
                        "option --format: there is no format '" + format + "', only U8, S16_LE, S24_LE and S32_LE");
            }
            long period = (long) frames * channels * samples.bytes();
            if (period > MOST * 16L) {
                throw new UsageException("option --buffer-frames: " + period + " bytes at a time are too many");
            }
            return new StreamParameters(
                    0, false, samples, rate, channels, (int) period, BUFFERED_PERIODS * period, false);
        }

        String text() {
            return """
                    Playback Source: %s
                    Channels: %d
                    Format: %s
                    Frame Rate: %d
                    Buffer Frames: %d
                    Iterations: %d
                    """.formatted(source, channels, format, rate, frames, iterations);
        }
    }

    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm audio-conformance",
                "Plays silence and measures how steadily the host takes it.",
                List.of(new Option.Group(
                        "Options", List.of(SOURCE, CHANNELS, FORMAT, RATE, BUFFER_FRAMES, ITERATIONS, JSON, DEBUG))),
                List.of());
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        Plan plan = Plan.of(arguments);
        StreamParameters stream = plan.stream();
        AudioRecords records;
        try (SoundBackend backend = backend(plan);
                Poller poller = new Poller()) {
            records = AudioRecords.measure(backend, stream, poller, plan.iterations());
        }
        if (records.count() < LEAST_RECORDS) {
            throw new VmmException("audio-conformance: " + records.count()
                    + " records are too few: --iterations must be" + " at least " + LEAST_RECORDS);
        }
        if (records.mismatched() > 0) {
            System.err.println(
                    "[Error] " + records.mismatched() + " consumed buffers size != " + plan.frames() + " frames");
        }
        if (arguments.has(DEBUG)) {
            System.out.print(table(records));
        }
        System.out.println(arguments.has(JSON) ? json(plan, records) : plan.text() + text(records));
        System.out.flush();
        return ExitCode.SUCCESS;
    }

    private static SoundBackend backend(Plan plan) {
        return switch (plan.source()) {
            case "noop" -> new NullBackend();
            case "file" -> {
                FileBackend files = new FileBackend("", true);
                files.play("a file without a name", FileBackend.openScratch(), Container.RAW, Long.MAX_VALUE);
                yield files;
            }
            case "pulse" -> {
                PulseServer server = PulseServer.find(null, "", "", "jcrosvm audio-conformance", System.getenv());
                UnixSocket.connect(server.socket(), UnixSocket.Type.STREAM).close(); // a stream would wait for it
                yield new PulseBackend(server, "");
            }
            default ->
                throw new UsageException("option --stream-source: there is no source '" + plan.source()
                        + "', only noop, file and pulse");
        };
    }

    private static String table(AudioRecords records) {
        StringBuilder out = new StringBuilder("%-12s %-12s %s%n".formatted("TS", "TS_DIFF", "PLAYED"));
        for (int i = 0; i < records.count(); i++) {
            out.append("%-12.6f %-12.6f %d%n"
                    .formatted(
                            records.nanos(i) / 1e9,
                            i == 0 ? 0 : (records.nanos(i) - records.nanos(i - 1)) / 1e9,
                            records.frames(i)));
        }
        return out.toString();
    }

    private static String text(AudioRecords records) {
        AudioRecords.Steps steps = records.steps();
        AudioRecords.Line line = records.line();
        return String.format(
                Locale.ROOT,
                """
                Cold start latency: %.3f ms
                Records count: %d
                [Step] min: %.2f ms, max: %.2f ms, average: %.2f ms, standard deviation: %.2f ms
                [Linear Regression] rate: %.2f frames/s, standard error: %.2f""",
                records.coldStart() / MILLIS,
                records.count(),
                steps.min() / MILLIS,
                steps.max() / MILLIS,
                steps.average() / MILLIS,
                steps.deviation() / MILLIS,
                line.rate(),
                line.error());
    }

    private static String json(Plan plan, AudioRecords records) {
        AudioRecords.Steps steps = records.steps();
        AudioRecords.Line line = records.line();
        return JsonWriter.pretty(JsonReader.parse(String.format(
                Locale.ROOT,
                """
                {"args":{"playback_source":"%s","channels":%d,"format":"%s","rate":%d,"buffer_frames":%d,"iterations":%d},
                "cold_start_latency":%.9f,"record_count":%d,"rate":{"rate":%.6f,"error":%.6f},
                "min_time":%.9f,"max_time":%.9f,"avg_time":%.9f,"stddev_time":%.9f,"mismatched_frame_count":%d}""",
                plan.source(),
                plan.channels(),
                plan.format(),
                plan.rate(),
                plan.frames(),
                plan.iterations(),
                records.coldStart() / 1e9,
                records.count(),
                line.rate(),
                line.error(),
                steps.min() / 1e9,
                steps.max() / 1e9,
                steps.average() / 1e9,
                steps.deviation() / 1e9,
                records.mismatched())));
    }
}
