package jcrosvm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class KeyHelpTest {
    public enum Color {
        RED,
        DARK_BLUE
    }

    public record Inner(@Help @Nullable Integer depth, @Help boolean open) {}

    public record Flattened(@Help("inside") boolean shown) {
        public static Flattened defaults() {
            return new Flattened(false);
        }
    }

    public record Sample(
            @Help("of the file") Path path,
            @Help boolean readOnly,
            @Help("keep it") boolean lock,
            @Help("in bytes") int size,
            @Help(argument = "PORT") int port,
            @Help Color color,
            @Help @Nullable Inner inner,
            @Flat @Nullable Flattened flat,
            @Help List<String> names,
            int hidden) {
        public static Sample defaults() {
            return new Sample(Path.of(""), false, true, 512, 0x402, Color.DARK_BLUE, null, null, List.of(), 1);
        }
    }

    @Test
    void keysComeFromComponents() {
        assertThat(KeyHelp.of(Sample.class).stream().map(KeyHelp::toString))
                .containsExactly(
                        "path=PATH: of the file",
                        "read-only",
                        "lock=BOOL: keep it (default true)",
                        "size=N: in bytes (default 512)",
                        "port=PORT (default 0x402)",
                        "color=red|dark-blue (default dark-blue)",
                        "inner=[depth=N, open]",
                        "shown: inside",
                        "names=[...]");
        assertThat(KeyHelp.of(Color.class)).isEmpty();
    }

    @Test
    void helpShowsThemBelowTheOption() {
        Option<Sample> option = Option.structured("sample", Sample.class, "KEY=VALUE,...", "A sample.");
        Syntax syntax = new Syntax("x", "Does it.", List.of(new Option.Group("Options", List.of(option))), List.of());
        assertThat(HelpText.of(syntax))
                .contains("A sample.\n")
                .contains("                        size=N: in bytes (default 512)\n");
        assertThat(HelpText.help(option)).startsWith("A sample. Keys: path=PATH: of the file; read-only; ");
        assertThat(HelpText.help(option.deprecated("--other"))).isEqualTo("A sample. Deprecated: use --other.");
    }

    @SnakeKeys
    public record Snake(
            @Help("of the queue") int queueSize, @Help boolean packedQueue) {}

    @Test
    void keysCanBeInSnakeCase() {
        assertThat(KeyHelp.of(Snake.class)).map(KeyHelp::usage).containsExactly("queue_size=N", "packed_queue");
        assertThat(RecordBinder.bind(KeyValueParser.parse("queue_size=3,packed_queue"), Snake.class))
                .isEqualTo(new Snake(3, true));
        assertThat(JsonWriter.compact(RecordWriter.write(new Snake(3, true))))
                .isEqualTo("{\"queue_size\":3,\"packed_queue\":true}");
        assertThatThrownBy(() -> RecordBinder.bind(KeyValueParser.parse("queue-size=3"), Snake.class))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("did you mean 'queue_size'?");
    }
}
