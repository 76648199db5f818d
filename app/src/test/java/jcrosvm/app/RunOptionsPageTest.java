package jcrosvm.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.config.HelpText;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.vmm.config.KnownOptions;
import org.junit.jupiter.api.Test;

/** The page of the options of run is made from their tables. {@code -Djcrosvm.update=true} writes it anew. */
class RunOptionsPageTest {
    private static final Path PAGE = Path.of("../docs/run-options.md");

    @Test
    void isUpToDate() throws Exception {
        String page = page();
        if (Boolean.getBoolean("jcrosvm.update")) {
            Files.writeString(PAGE, page);
        }
        assertThat(Files.readString(PAGE)).isEqualTo(page);
    }

    private static String page() throws Exception {
        Syntax syntax = RunCommand.syntaxOfRun();
        StringBuilder out = new StringBuilder("""
                # Options of `jcrosvm run`

                Generated from the option tables; do not edit by hand (see `RunOptionsPageTest`).

                `jcrosvm run [options] [KERNEL]`. Values in the key-value syntax are `key=value` pairs separated by
                commas; the first key may be left out, a boolean key alone means true, lists and nested values stand in
                square brackets, text with commas, brackets or quotes in quotes. Integers may be hexadecimal (`0x`),
                octal (`0o`) or binary (`0b`). The same keys, as JSON, make a file for `--cfg`.
                """);
        for (Option.Group group : syntax.groups()) {
            out.append("\n## ").append(group.title()).append("\n\n| option | meaning |\n|---|---|\n");
            for (Option<?> option : group.options()) {
                out.append("| `")
                        .append(HelpText.usage(option).replace("|", "\\|"))
                        .append("` | ")
                        .append(HelpText.help(option).replace("|", "\\|"))
                        .append(" |\n");
            }
        }
        out.append("""

                ## Not supported

                These options of crosvm are known by name and refused with exit code 1.

                """);
        for (String line : known()) {
            String[] words = line.split(" ");
            String name = words[0].split(",")[0];
            out.append("- `--").append(name).append(words[1].equals("value") ? " VALUE`" : "`");
            out.append(' ').append(new KnownOptions().find(name).reason()).append('\n');
        }
        return out.toString();
    }

    private static List<String> known() throws Exception {
        try (InputStream in = KnownOptions.class.getResourceAsStream("known-options.txt")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .toList();
        }
    }
}
