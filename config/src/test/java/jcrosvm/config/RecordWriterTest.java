package jcrosvm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import jcrosvm.config.RecordBinderTest.Disk;
import jcrosvm.config.RecordBinderTest.Kind;
import jcrosvm.config.RecordBinderTest.Mode;
import jcrosvm.config.RecordBinderTest.Window;
import jcrosvm.config.testing.RandomRecords;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecordWriterTest {
    public record Inner(long at, List<Integer> levels, Optional<Long> due) {
        public Inner {
            levels = List.copyOf(levels);
        }
    }

    public record Everything(
            boolean on,
            int small,
            long big,
            @Nullable Integer boxed,
            String text,
            Path path,
            CpuSet cpus,
            Mode mode,
            Kind kind,
            @Nullable Window window,
            Optional<Inner> inner,
            List<Kind> kinds,
            Map<String, Inner> named,
            @Range(min = -5, max = 5) int limited) {}

    public record Bytes(byte[] bytes) {
        public Bytes {
            bytes = bytes.clone();
        }
    }

    public record Grown(int old, int added) {
        public static Grown defaults() {
            return new Grown(1, 7);
        }
    }

    public record Base(String name, @Nullable String shade) {}

    public record Painted(String name, @Flat @Nullable Base base) {}

    private static <T> T reread(T record, Class<T> type) {
        return RecordBinder.bindSaved(JsonReader.parse(JsonWriter.pretty(RecordWriter.write(record, type))), type);
    }

    private static <T> T saved(String json, Class<T> type) {
        return RecordBinder.bindSaved(JsonReader.parse(json), type);
    }

    @Test
    void bindingIsTheInverse() {
        long seed = new Random().nextLong();
        RandomRecords records = new RandomRecords(new Random(seed), true);
        for (int i = 0; i < 2000; i++) {
            Everything made = records.make(Everything.class).orElseThrow();
            assertThat(reread(made, Everything.class)).as("seed %d", seed).isEqualTo(made);
            assertThat(RecordBinder.bindSaved(RecordWriter.write(made), Everything.class))
                    .isEqualTo(made);
            Bytes bytes = records.make(Bytes.class).orElseThrow();
            assertThat(reread(bytes, Bytes.class).bytes()).as("seed %d", seed).isEqualTo(bytes.bytes());
        }
    }

    @Test
    void whatAUserMayWriteIsReadAsAnOptionToo() {
        long seed = new Random().nextLong();
        RandomRecords records = new RandomRecords(new Random(seed), false);
        for (int i = 0; i < 2000; i++) {
            Disk made = records.make(Disk.class).orElseThrow();
            Value json = JsonReader.parse(JsonWriter.compact(RecordWriter.write(made)));
            assertThat(RecordBinder.bind(json, Disk.class)).as("seed %d", seed).isEqualTo(made);
        }
    }

    @Test
    void writesWhatAPersonCanRead() {
        Disk disk = new Disk(
                Path.of("a"),
                true,
                false,
                512,
                Mode.UNIX_STREAM,
                new Kind.Soft(),
                new Window(16, null),
                Optional.empty());
        assertThat(JsonWriter.pretty(RecordWriter.write(disk))).isEqualTo("""
                {
                  "path": "a",
                  "ro": true,
                  "lock": false,
                  "block-size": 512,
                  "mode": "unix-stream",
                  "kind": {
                    "soft": {}
                  },
                  "window": {
                    "start": 16,
                    "size": null
                  },
                  "id": null
                }""");
        assertThat(JsonWriter.compact(RecordWriter.write(new Bytes(new byte[] {1, -1}))))
                .isEqualTo("{\"bytes\":\"01ff\"}");
        assertThat(JsonWriter.compact(RecordWriter.write(new Bytes(new byte[17]))))
                .isEqualTo("{\"bytes\":[\"" + "00".repeat(16) + "\",\"00\"]}");
        assertThat(JsonWriter.compact(RecordWriter.write(CpuSet.of(0, 1, 2, 5), CpuSet.class)))
                .isEqualTo("[\"0-2\",\"5\"]");
    }

    @Test
    void flatRecordsAreWrittenUnderAKey() {
        assertThat(JsonWriter.compact(RecordWriter.write(new Painted("a", new Base("red", null)))))
                .isEqualTo("{\"name\":\"a\",\"base\":{\"name\":\"red\",\"shade\":null}}");
        for (Painted painted : List.of(new Painted("a", null), new Painted("b", new Base("red", "dark")))) {
            assertThat(reread(painted, Painted.class)).isEqualTo(painted);
        }
    }

    @Test
    void nullWinsOverADefault() {
        Disk without = new Disk(Path.of("a"), false, true, 512, Mode.SINK, null, null, Optional.empty());
        assertThat(reread(without, Disk.class)).isEqualTo(without);
    }

    @Test
    void keysAreTheVersion() {
        assertThat(saved("{\"old\":3}", Grown.class)).isEqualTo(new Grown(3, 7));
        assertThatThrownBy(() -> saved("{\"old\":3,\"newer\":1}", Grown.class))
                .hasMessageStartingWith("unknown key 'newer'");
        assertThatThrownBy(() -> saved("{\"at\":3,\"levels\":[]}", Inner.class))
                .hasMessageContaining("missing key 'due'");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "null",
                "[]",
                "{\"at\":null,\"levels\":[],\"due\":null}",
                "{\"at\":1,\"levels\":null,\"due\":null}",
                "{\"at\":1,\"levels\":[null],\"due\":null}",
                "{\"at\":1,\"levels\":[2147483648],\"due\":null}",
                "{\"at\":1,\"levels\":[-2147483649],\"due\":null}",
                "{\"at\":9223372036854775808,\"levels\":[],\"due\":null}",
                "{\"at\":-9223372036854775809,\"levels\":[],\"due\":null}",
                "{\"at\":1.0,\"levels\":[],\"due\":null}",
                "{\"at\":1,\"levels\":[],\"due\":[]}",
                "{\"at\":1,\"levels\":{},\"due\":1}"
            })
    void refusesWhatIsNotARecord(String json) {
        assertThatThrownBy(() -> saved(json, Inner.class)).isInstanceOf(ConfigException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"0\"", "\"0g\"", "[\"00\",\"0\"]", "5", "{}", "null", "[5]", "[null]", "\"0x00\""})
    void refusesWhatIsNotBytes(String json) {
        assertThatThrownBy(() -> saved("{\"bytes\":" + json + "}", Bytes.class)).isInstanceOf(ConfigException.class);
    }

    @Test
    void hostileTextIsRefusedInOneLine() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        RandomRecords records = new RandomRecords(random, true);
        for (int i = 0; i < 5000; i++) {
            StringBuilder text = new StringBuilder(JsonWriter.compact(
                    RecordWriter.write(records.make(Everything.class).orElseThrow())));
            for (int n = 1 + random.nextInt(3); n > 0; n--) {
                int at = random.nextInt(text.length());
                switch (random.nextInt(3)) {
                    case 0 -> text.deleteCharAt(at);
                    case 1 -> text.setCharAt(at, "0{}[]\",:-nx".charAt(random.nextInt(11)));
                    default -> text.replace(at, Math.min(text.length(), at + random.nextInt(20)), "null");
                }
            }
            try {
                saved(text.toString(), Everything.class);
            } catch (ConfigException e) {
                assertThat(e.getMessage()).as("seed %d: %s", seed, text).isNotBlank();
            }
        }
    }
}
