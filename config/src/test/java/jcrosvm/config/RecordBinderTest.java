package jcrosvm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordBinderTest {
    public record Text(String m) {}

    public record Number(int m) {}

    public record Big(long m) {}

    public record Signed(@Range(min = -1000, max = 1000) int m) {}

    public record Flag(boolean m) {}

    public record Strings(List<String> m) {}

    public record Cpus(CpuSet m, @Nullable List<CpuSet> clusters) {}

    public enum Mode {
        UNIX_STREAM,
        @Alias("2d")
        FLAT,
        SINK
    }

    public sealed interface Kind {
        record Kvm(@Nullable Path device) implements Kind {}

        record Soft() implements Kind {}

        record Needy(@Required Path file) implements Kind {}
    }

    public record Window(@Required long start, @Nullable Long size) {}

    public record Disk(
            @Required Path path,
            boolean ro,
            boolean lock,
            @Alias("block_size") int blockSize,
            Mode mode,
            @Nullable Kind kind,
            @Nullable Window window,
            Optional<String> id) {
        public Disk {
            if (blockSize == 13) {
                throw new IllegalArgumentException("block-size cannot be 13");
            }
        }

        public static Disk defaults() {
            return new Disk(Path.of("none"), false, true, 512, Mode.SINK, null, null, Optional.empty());
        }
    }

    private static <T> T read(String text, Class<T> type) {
        return RecordBinder.bind(KeyValueParser.parse(text), type);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
            m=John                        | John
            m=John Doe                    | John Doe
            m="John Doe"                  | John Doe
            m='John Doe'                  | John Doe
            m="val = [10, 20, 'a']"       | val = [10, 20, 'a']
            m=a=b                         | a=b
            m=10                          | 10
            m=false                       | false
            m="Escaped \\" quote"         | Escaped " quote
            m="Escaped slash\\\\"         | Escaped slash\\
            m='Escaped \\" quote'         | Escaped \\" quote
            foo                           | foo
            /dev/x=y                      | /dev/x=y
            m=x,                          | x
            """)
    void readsStrings(String text, String expected) {
        assertThat(read(text, Text.class).m()).isEqualTo(expected);
    }

    @Test
    void readsEmptyQuotedStrings() {
        assertThat(read("m=\"\"", Text.class).m()).isEmpty();
        assertThat(read("m=''", Text.class).m()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
            m=                | 2
            m=val="a"         | 6
            m=val='a'         | 6
            m=val=[a]         | 6
            m="a              | 2
            m='a              | 2
            m="a\\n"          | 4
            m="a"b            | 5
            m=a]              | 3
            ,                 | 0
            m=a,,             | 4
            m=a,m=b           | 4
            m=a,n=b           | 4
            m=a,b             | 4
            m=[a]             | 2
            """)
    void refusesStringsAt(String text, int position) {
        assertThatThrownBy(() -> read(text, Text.class))
                .isInstanceOfSatisfying(
                        ConfigException.class, e -> assertThat(e.position()).isEqualTo(position));
    }

    @ParameterizedTest
    @CsvSource({
        "m=54,54",
        "m=0x1234abcd,305441741",
        "m=0o755,493",
        "m=0b1100,12",
        "54,54",
        "m=0x7fffffff,2147483647",
        "m=007,7"
    })
    void readsNumbers(String text, int expected) {
        assertThat(read(text, Number.class).m()).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "m=-54",
                "m=2147483648",
                "m=test",
                "m=0xg",
                "m=0o8",
                "m=0b2",
                "m=0x",
                "m=",
                "m=+5",
                "m=5 ",
                "m=1_000",
                "m=99999999999999999999999",
                "m=--5",
                "m='5'",
                "m=٣"
            })
    void refusesNumbers(String text) {
        assertThatThrownBy(() -> read(text, Number.class))
                .isInstanceOfSatisfying(
                        ConfigException.class, e -> assertThat(e.position()).isEqualTo(2));
    }

    @Test
    void keepsNumbersInTheirLimits() {
        assertThat(read("m=-0x10", Signed.class).m()).isEqualTo(-16);
        assertThatThrownBy(() -> read("m=1001", Signed.class)).hasMessageContaining("-1000 to 1000");
        assertThat(read("m=0x7fffffffffffffff", Big.class).m()).isEqualTo(Long.MAX_VALUE);
        assertThatThrownBy(() -> read("m=0x8000000000000000", Big.class)).isInstanceOf(ConfigException.class);
    }

    @Test
    void readsFlags() {
        assertThat(read("m=true", Flag.class).m()).isTrue();
        assertThat(read("m=false", Flag.class).m()).isFalse();
        assertThat(read("m", Flag.class).m()).isTrue();
        assertThat(read("true", Flag.class).m()).isTrue();
        assertThat(read("", Flag.class).m()).isFalse();
        assertThatThrownBy(() -> read("m=10", Flag.class)).hasMessageEndingWith("at position 2");
        assertThatThrownBy(() -> read("m=", Flag.class)).hasMessageEndingWith("at position 2");
    }

    @Test
    void readsLists() {
        assertThat(read("m=[a,\"b c\",'d\"',e=f,]", Strings.class).m()).containsExactly("a", "b c", "d\"", "e=f");
        assertThat(read("[]", Strings.class).m()).isEmpty();
        assertThatThrownBy(() -> read("m=[a", Strings.class)).hasMessage("expected ']' at position 4");
        assertThatThrownBy(() -> read("m=a", Strings.class)).hasMessageContaining("expected '['");
    }

    @Test
    void readsCpuSets() {
        assertThat(read("[0,1-3]", Cpus.class).m()).isEqualTo(CpuSet.of(0, 1, 2, 3));
        assertThat(read("m=5,clusters=[[0-1],[2,3]]", Cpus.class).clusters())
                .containsExactly(CpuSet.of(0, 1), CpuSet.of(2, 3));
        assertThatThrownBy(() -> read("[3-1]", Cpus.class)).hasMessageContaining("ends before it starts");
        assertThatThrownBy(() -> read("[0-99999999999]", Cpus.class)).isInstanceOf(ConfigException.class);
        assertThat(CpuSet.parse("0,1-3,5", 0).toString()).isEqualTo("0-3,5");
        for (String bad : List.of("", ",", "1,", "a", "1-", "-1", "1-2-3", "8192", "1 2")) {
            assertThatThrownBy(() -> CpuSet.parse(bad, 0)).isInstanceOf(ConfigException.class);
        }
    }

    @Test
    void takesDefaultsForWhatIsNotWritten() {
        Disk disk = read("/dev/sda,ro", Disk.class);
        assertThat(disk)
                .isEqualTo(new Disk(Path.of("/dev/sda"), true, true, 512, Mode.SINK, null, null, Optional.empty()));
    }

    @Test
    void readsEveryKindOfComponent() {
        Disk disk = read(
                "path=a,ro=false,lock=false,block_size=0x1000,mode=unix-stream,kind=kvm[device=/dev/kvm2],"
                        + "window=[0x1000,size=5],id=x",
                Disk.class);
        assertThat(disk)
                .isEqualTo(new Disk(
                        Path.of("a"),
                        false,
                        false,
                        4096,
                        Mode.UNIX_STREAM,
                        new Kind.Kvm(Path.of("/dev/kvm2")),
                        new Window(4096, 5L),
                        Optional.of("x")));
        assertThat(read("a,kind=kvm", Disk.class).kind()).isEqualTo(new Kind.Kvm(null));
        assertThat(read("a,kind=kvm[/x]", Disk.class).kind()).isEqualTo(new Kind.Kvm(Path.of("/x")));
        assertThat(read("a,mode=2d", Disk.class).mode()).isEqualTo(Mode.FLAT);
    }

    @Test
    void readsEnumsAndVariantsAtTheTop() {
        assertThat(read("unix-stream", Mode.class)).isEqualTo(Mode.UNIX_STREAM);
        assertThat(read("kvm[device=/a]", Kind.class)).isEqualTo(new Kind.Kvm(Path.of("/a")));
        assertThat(read("soft", Kind.class)).isEqualTo(new Kind.Soft());
        for (String bad : List.of("", "sink,sink", "'sink'", "[sink]", "mode=sink", "SINK", "sink[]")) {
            assertThatThrownBy(() -> read(bad, Mode.class)).isInstanceOf(ConfigException.class);
        }
        for (String bad : List.of("kvm[devise=/a]", "soft[x]", "kvm[device=/a", "kvm[]]", "needy", "whpx")) {
            assertThatThrownBy(() -> read(bad, Kind.class)).isInstanceOf(ConfigException.class);
        }
    }

    @Test
    void explainsWhatIsWrong() {
        assertThatThrownBy(() -> read("", Disk.class)).hasMessage("missing key 'path' at position 0");
        assertThatThrownBy(() -> read("a,block-sise=1", Disk.class))
                .hasMessageStartingWith("unknown key 'block-sise' (did you mean 'block-size'?)")
                .hasMessageEndingWith("at position 2");
        assertThatThrownBy(() -> read("a,ro,ro", Disk.class)).hasMessage("duplicate key 'ro' at position 5");
        assertThatThrownBy(() -> read("a,block-size=1,block_size=1", Disk.class))
                .hasMessage("duplicate key 'block-size' at position 15");
        assertThatThrownBy(() -> read("a,mode", Disk.class))
                .hasMessage("key 'mode' needs a value: expected '=' at position 6");
        assertThatThrownBy(() -> read("a,mode=snk", Disk.class)).hasMessageContaining("did you mean 'sink'?");
        assertThatThrownBy(() -> read("a,block-size=13", Disk.class)).hasMessageContaining("cannot be 13");
        assertThatThrownBy(() -> read("a,window=[]", Disk.class)).hasMessage("missing key 'start' at position 10");
        assertThatThrownBy(() -> read("a,window=", Disk.class)).hasMessage("missing key 'start' at position 9");
        assertThatThrownBy(() -> read("a,window=5", Disk.class)).hasMessageContaining("expected '['");
    }

    @Test
    void readsTheSameFromJson() {
        String json = """
                {"path": "a", "ro": false, "lock": false, "block_size": "0x1000", "mode": "unix-stream",
                 "kind": {"kvm": {"device": "/dev/kvm2"}}, "window": {"start": 4096, "size": 5}, "id": "x"}
                """;
        assertThat(RecordBinder.bind(JsonReader.parse(json), Disk.class))
                .isEqualTo(read(
                        "path=a,ro=false,lock=false,block_size=0x1000,mode=unix-stream,kind=kvm[device=/dev/kvm2],"
                                + "window=[0x1000,size=5],id=x",
                        Disk.class));
        assertThat(RecordBinder.bind(JsonReader.parse("\"a\""), Disk.class)).isEqualTo(read("a", Disk.class));
        assertThat(RecordBinder.bind(JsonReader.parse("{\"path\":\"a\",\"id\":null,\"kind\":\"soft\"}"), Disk.class))
                .isEqualTo(read("a,kind=soft", Disk.class));
        assertThat(RecordBinder.bind(JsonReader.parse("512"), Number.class).m()).isEqualTo(512);
        assertThat(RecordBinder.bind(JsonReader.parse("{\"m\":[0,\"1-3\"]}"), Cpus.class)
                        .m())
                .isEqualTo(CpuSet.of(0, 1, 2, 3));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[]",
                "{\"path\":5}",
                "{\"path\":\"a\",\"ro\":\"true\"}",
                "{\"path\":\"a\",\"ro\":1}",
                "{\"path\":\"a\",\"block-size\":1.5}",
                "{\"path\":\"a\",\"block-size\":\"5\"}",
                "{\"path\":\"a\",\"kind\":{\"kvm\":{},\"soft\":{}}}",
                "{\"path\":\"a\",\"window\":[1]}",
                "{\"path\":\"\"}",
                "null"
            })
    void refusesJsonOfTheWrongType(String json) {
        assertThatThrownBy(() -> RecordBinder.bind(JsonReader.parse(json), Disk.class))
                .isInstanceOf(ConfigException.class);
    }

    @Test
    void neverFailsOtherwise() {
        Random random = new Random(1);
        String alphabet = "abm=,[]\"'\\-_0x1 ptrue/";
        List<Class<?>> types = List.of(
                Text.class, Number.class, Flag.class, Strings.class, Cpus.class, Disk.class, Mode.class, Kind.class);
        for (int i = 0; i < 200_000; i++) {
            StringBuilder text = new StringBuilder();
            for (int n = random.nextInt(14); n > 0; n--) {
                text.append(alphabet.charAt(random.nextInt(alphabet.length())));
            }
            int length = text.length();
            try {
                read(text.toString(), types.get(random.nextInt(types.size())));
            } catch (ConfigException e) {
                assertThat(e.position()).as("%s: %s", text, e).isBetween(0, length);
            }
        }
    }

    @Test
    void refusesDeepNesting() {
        assertThatThrownBy(() -> KeyValueParser.parse("[".repeat(100_000))).hasMessageContaining("too deeply");
    }

    public record Color(String color, boolean bright, int size) {}

    public record Lamp(
            String name,
            boolean on,
            @Flat @Nullable Color color,
            @Nullable Flag flag,
            int size) {}

    private static Lamp lamp(String text) {
        return RecordBinder.bind(KeyValueParser.parse(text), Lamp.class);
    }

    @Test
    void readsKeysOfARecordAmongThoseOfAnother() {
        assertThat(lamp("a,on")).isEqualTo(new Lamp("a", true, null, null, 0));
        assertThat(lamp("a,color=red,on")).isEqualTo(new Lamp("a", true, new Color("red", false, 0), null, 0));
        assertThat(lamp("color=red,name=a,bright,size=3"))
                .isEqualTo(new Lamp("a", false, new Color("red", true, 0), null, 3));
        assertThatThrownBy(() -> lamp("a,color=red,color=blue")).hasMessageContaining("duplicate key 'color'");
        assertThatThrownBy(() -> lamp("a,colour=red"))
                .hasMessageContaining("unknown key 'colour' (did you mean 'color'?)")
                .hasMessageContaining("expected one of name, on, flag, size, color, bright");
        assertThat(RecordBinder.bind(
                        JsonReader.parse("{\"name\": \"a\", \"bright\": true, \"color\": \"red\"}"), Lamp.class))
                .isEqualTo(new Lamp("a", false, new Color("red", true, 0), null, 0));
    }

    @Test
    void aRecordsNameAloneIsTheEmptyRecord() {
        assertThat(lamp("a,flag").flag()).isEqualTo(new Flag(false));
        assertThat(lamp("flag,name=a").flag()).isEqualTo(new Flag(false));
        assertThat(lamp("a,flag=[m]").flag()).isEqualTo(new Flag(true));
    }
}
