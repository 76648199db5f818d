package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the README promises first, without a terminal. */
@Tag("soft")
class DemoTest {
    private static final String SCRIPT = SourceTree.ROOT.resolve("jcrosvm").toString();

    @TempDir
    private Path folder;

    @BeforeAll
    static void isBuilt() {
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
    }

    @Test
    void showsALinuxGuest() throws Exception {
        Run run = Run.of(folder, SCRIPT, "demo");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out()).contains("Linux", "x86_64");
    }

    /** A Debian of systemd, visited by ssh through a forwarded port. */
    @Test
    void showsADebian() throws Exception {
        Run run = Run.of(folder, SCRIPT, "demo", "--disk");
        assertThat(run.status()).as(run.out() + run.err()).isZero();
        assertThat(run.out()).contains("Linux", "x86_64", "running");
    }
}
