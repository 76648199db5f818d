package jcrosvm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ArgumentReaderTest {
    private static final Option<RecordBinderTest.Number> MEM = Option.structured(
                    "mem", RecordBinderTest.Number.class, "N", "Memory.")
            .withLetter('m');
    private static final Option<String> PARAMS = Option.word("params", String.class, "TEXT", "Parameters.")
            .withLetter('p')
            .repeatable();
    private static final Option<Boolean> FULL = Option.flag("full", "All of it.");
    private static final Option<Path> HOST_IP = Option.word("host-ip", Path.class, "IP", "Address.");
    private static final Option<Boolean> OLD = Option.flag("old", "Gone.").deprecated("--full");

    private static final Syntax SYNTAX = new Syntax(
            "x",
            "A test.",
            List.of(
                    new Option.Group("One", List.of(MEM, PARAMS)),
                    new Option.Group("Two", List.of(FULL, HOST_IP, OLD))),
            List.of(
                    new Syntax.Positional("KERNEL", "kernel", true, "What to boot."),
                    new Syntax.Positional("OTHER", null, false, "More.")),
            name -> switch (name) {
                case "gpu", "g" -> new RefusedOptions.Refusal("gpu", true, "is not supported yet");
                case "no-gpu" -> new RefusedOptions.Refusal("no-gpu", false, "is not supported yet");
                default -> null;
            });

    private static Arguments read(String... words) {
        return ArgumentReader.read(SYNTAX, List.of(words));
    }

    @Test
    void readsEverySpelling() {
        for (String[] words : List.of(
                new String[] {"--mem", "5"},
                new String[] {"--mem=5"},
                new String[] {"-m", "5"},
                new String[] {"-m=5"},
                new String[] {"--mem", "m=5"},
                new String[] {"--mem=m=5"})) {
            assertThat(read(words).value(MEM)).isEqualTo(new RecordBinderTest.Number(5));
        }
        assertThat(read("-p", "a", "-p=b=c", "--params", "--full", "--params=").values(PARAMS))
                .containsExactly("a", "b=c", "--full", "");
        assertThat(read("--full").has(FULL)).isTrue();
        assertThat(read("--full", "--full").has(FULL)).isTrue();
        assertThat(read().has(FULL)).isFalse();
        assertThat(read("--host_ip", "x").value(HOST_IP)).isEqualTo(Path.of("x"));
        assertThat(read("--host_ip=x").value(HOST_IP)).isEqualTo(Path.of("x"));
    }

    private enum Colour {
        RED
    }

    @Test
    void aCommaEndsTheEntriesOfARecordOnly() {
        Option<Colour> colour = Option.structured("colour", Colour.class, "C", "A name.");
        assertThat(colour.read(colour.parse("red"))).isEqualTo(Colour.RED);
        assertThatThrownBy(() -> colour.parse("red,")).hasMessage("remaining characters at position 3");
        assertThat(MEM.read(MEM.parse("5,"))).isEqualTo(new RecordBinderTest.Number(5));
    }

    @Test
    void readsPositionalWordsAnywhere() {
        assertThat(read("a", "--full", "b").positionals()).containsExactly("a", "b");
        assertThat(read("-", "--", "--full").positionals()).containsExactly("-", "--full");
        assertThat(read("--", "help").positionals()).containsExactly("help");
        assertThatThrownBy(() -> read("a", "b", "c")).hasMessage("unexpected argument 'c'");
        assertThatThrownBy(() -> ArgumentReader.requirePositionals(SYNTAX, read("--full")))
                .hasMessage("required argument KERNEL is missing");
    }

    @Test
    void noticesHelpAnywhere() {
        for (String word : List.of("--help", "-h", "help")) {
            assertThat(read("--full", word, "--nonsense").wantsHelp()).isTrue();
        }
        assertThat(read("-p", "--help").wantsHelp()).isFalse();
    }

    @Test
    void refusesWhatDoesNotFit() {
        Object[][] table = {
            {List.of("--memm=5"), "unknown option --memm (did you mean '--mem'?)"},
            {List.of("--me", "5"), "unknown option --me (did you mean '--mem'?)"},
            {List.of("--fu"), "unknown option --fu"},
            {List.of("-mem", "5"), "unknown option -mem (did you mean '--mem'?)"},
            {List.of("-x"), "unknown option -x"},
            {List.of("---full"), "unknown option ---full (did you mean '--full'?)"},
            {List.of("--mem"), "option --mem needs a value"},
            {List.of("--mem", "5", "-m", "6"), "option -m can be given only once"},
            {List.of("--full=true"), "option --full takes no value, but has 'true'"},
            {List.of("--gpu"), "option --gpu needs a value"},
            {List.of("--no-gpu=1"), "option --no-gpu takes no value, but has '1'"},
            {List.of("--mem", "a]"), "invalid value 'a]' of option --mem: remaining characters at position 1"},
        };
        for (Object[] row : table) {
            @SuppressWarnings("unchecked")
            List<String> words = (List<String>) row[0];
            assertThatThrownBy(() -> ArgumentReader.read(SYNTAX, words))
                    .isInstanceOf(UsageException.class)
                    .hasMessage((String) row[1]);
        }
        assertThatThrownBy(() -> read("--mem=x").value(MEM))
                .isInstanceOf(UsageException.class)
                .hasMessage("invalid value 'x' of option --mem: 'x' is not a number at position 0");
    }

    @Test
    void refusesKnownOptionsByName() {
        Arguments arguments = read("--gpu", "--full", "-g=x", "--no-gpu", "kernel");
        assertThat(arguments.has(FULL)).isFalse();
        assertThat(arguments.positionals()).containsExactly("kernel");
        assertThatThrownBy(arguments::refuseUnsupported)
                .isExactlyInstanceOf(VmmException.class)
                .hasMessage("--gpu is not supported yet");
    }

    @Test
    void listsDeprecatedOptions() {
        assertThat(read("--old", "--full").deprecated()).containsExactly(OLD);
    }

    @Test
    void readsSwitchesInFrontOfACommand() {
        ArgumentReader.Leading leading =
                ArgumentReader.readLeading(SYNTAX, List.of("-m", "5", "--full", "run", "-m=6"));
        assertThat(leading.arguments().has(FULL)).isTrue();
        assertThat(leading.rest()).containsExactly("run", "-m=6");
        assertThat(ArgumentReader.readLeading(SYNTAX, List.of("-h")).arguments().wantsHelp())
                .isTrue();
    }

    @Test
    void putsCommandLineOverFile(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(
                folder.resolve("a.json"),
                "{\"kernel\": \"k\", \"mem\": 5, \"params\": [\"a\", \"b\"], \"full\": true, \"old\": false}");
        Arguments below = ConfigFile.read(file, SYNTAX);
        assertThat(below.value(MEM)).isEqualTo(new RecordBinderTest.Number(5));
        assertThat(below.positional(0)).isEqualTo("k");
        assertThat(below.has(OLD)).isFalse();
        Arguments both = read("--mem=6", "-p=c").over(below);
        assertThat(both.value(MEM)).isEqualTo(new RecordBinderTest.Number(6));
        assertThat(both.values(PARAMS)).containsExactly("a", "b", "c");
        assertThat(both.has(FULL)).isTrue();
        assertThat(both.positionals()).containsExactly("k");
        assertThat(read("other").over(below).positionals()).containsExactly("other");
    }

    @Test
    void saysWhereAFileIsWrong(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("a.json");
        Object[][] table = {
            {"", ":1:1: empty JSON text"},
            {"[]", ":1:1: expected an object with the names of options"},
            {"{\n  \"memm\": 5}", ":2:3: unknown option 'memm' (did you mean 'mem'?)"},
            {"{\"full\": 1}", ":1:10: expected true or false for 'full'"},
            {"{\"kernel\": 5}", ":1:12: expected a string for 'kernel'"},
            {"{\"kernel\": \"a\\u0000b\"}", ":1:12: a path cannot have a zero in it"},
            {"{", ":1:2: not JSON: Unexpected end-of-input: expected close marker for Object"},
            {"[".repeat(70), ":1:1: not JSON: Document nesting depth (65) exceeds the maximum allowed (64)"},
        };
        for (Object[] row : table) {
            Files.writeString(file, (String) row[0]);
            assertThatThrownBy(() -> ConfigFile.read(file, SYNTAX))
                    .isInstanceOf(UsageException.class)
                    .hasMessage(file + (String) row[1]);
        }
        Files.writeString(file, "{\"mem\": \"x\"}");
        Arguments arguments = ConfigFile.read(file, SYNTAX);
        assertThatThrownBy(() -> arguments.value(MEM)).hasMessageStartingWith(file + ":1:9: mem: ");
        Files.writeString(file, "{\n\"mem\":\n [5]}");
        Arguments array = ConfigFile.read(file, SYNTAX);
        assertThatThrownBy(() -> array.value(MEM)).hasMessage(file + ":3:2: mem: expected an object, not an array");
        Files.writeString(file, "{\"kernel\": null, \"mem\": null}");
        assertThat(ConfigFile.read(file, SYNTAX).positional(0)).isNull();
        Files.write(file, new byte[ConfigText.MAX_BYTES + 1]);
        assertThatThrownBy(() -> ConfigFile.read(file, SYNTAX)).hasMessageContaining("more than 1024 KiB");
        Files.write(file, new byte[] {(byte) 0xff, (byte) 0xfe});
        assertThatThrownBy(() -> ConfigFile.read(file, SYNTAX)).hasMessageContaining("is not UTF-8");
        assertThatThrownBy(() -> ConfigFile.read(folder.resolve("none"), SYNTAX))
                .hasMessageContaining("does not exist");
        assertThatThrownBy(() -> ConfigFile.read(folder, SYNTAX)).hasMessageContaining("cannot read");
    }

    @Test
    void printsHelp() {
        assertThat(HelpText.of(SYNTAX)).isEqualTo("""
                Usage: x [options] KERNEL [OTHER]

                A test.

                Arguments:
                  KERNEL              What to boot.
                  OTHER               More.

                One:
                  -m, --mem N         Memory.
                  -p, --params TEXT   Parameters. Can be repeated.

                Two:
                  --full              All of it.
                  --host-ip IP        Address.
                  --old               Gone. Deprecated: use --full.
                """);
    }

    @Test
    void neverFailsOtherwise() {
        Random random = new Random(3);
        List<String> words = List.of(
                "--mem",
                "--mem=5",
                "-m",
                "-m=",
                "5",
                "-",
                "--",
                "---",
                "help",
                "--full",
                "--gpu",
                "=",
                "-=",
                "--=",
                "",
                "-p",
                "--host_ip",
                "a",
                "-é",
                "--\0");
        for (int i = 0; i < 100_000; i++) {
            String[] line = new String[random.nextInt(6)];
            for (int j = 0; j < line.length; j++) {
                line[j] = words.get(random.nextInt(words.size()));
            }
            try {
                Arguments arguments = read(line);
                arguments.value(MEM);
                arguments.values(PARAMS);
                arguments.value(HOST_IP);
            } catch (UsageException e) {
                assertThat(e.getMessage()).isNotEmpty();
            }
        }
    }
}
