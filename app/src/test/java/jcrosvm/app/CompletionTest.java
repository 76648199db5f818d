package jcrosvm.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script, asked by a bash. */
class CompletionTest {
    @TempDir
    private Path dir;

    /** The words that complete a line whose cursor is at its end, each on a line of its own. */
    private String complete(String line) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "there is no bash");
        Path script = Files.writeString(dir.resolve("completion"), CompletionCommand.script());
        String asked = """
                source "$1"
                COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
                COMP_LINE=$2 COMP_POINT=${#2}
                read -ra COMP_WORDS <<<"$2"
                [[ $2 != *' ' ]] || COMP_WORDS+=('')
                COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                _jcrosvm
                printf '%s\\n' "${COMPREPLY[@]}"
                """;
        Process bash = new ProcessBuilder("/bin/bash", "--norc", "-c", asked, "bash", script.toString(), line)
                .redirectErrorStream(true)
                .start();
        bash.getOutputStream().close();
        String out = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(bash.waitFor(20, TimeUnit.SECONDS)).isTrue();
        return out.strip();
    }

    @Test
    void completesCommandsOptionsAndKeys() throws Exception {
        assertThat(complete("jcrosvm su")).isEqualTo("suspend");
        assertThat(complete("jcrosvm balloon").lines()).containsExactly("balloon", "balloon_stats");
        assertThat(complete("jcrosvm run --suspended").lines()).containsExactly("--suspended", "--suspended-vcpus");
        assertThat(complete("jcrosvm run --rwdi")).as("deprecated").isEmpty();
        assertThat(complete("jcrosvm run --block bl")).isEqualTo("block-size=");
        assertThat(complete("jcrosvm run --block path=/a,ro,i")).isEqualTo("path=/a,ro,id=");
        assertThat(complete("jcrosvm run --mem 512 --net us")).isEqualTo("user");
        assertThat(complete("jcrosvm suspend --fu")).isEqualTo("--full");
    }

    @Test
    void leavesFilesToTheShell() throws Exception {
        assertThat(complete("jcrosvm run /boo")).isEmpty();
        assertThat(complete("jcrosvm run --block /boo")).isEmpty();
    }
}
