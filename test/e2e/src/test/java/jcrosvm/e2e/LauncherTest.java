package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The script that starts the program, and with it the program on its module path. */
class LauncherTest {
    private static final String SCRIPT = SourceTree.ROOT.resolve("jcrosvm").toString();

    @TempDir
    private Path folder;

    @BeforeAll
    static void isBuilt() {
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
    }

    @Test
    void startsTheProgramOnItsModulePath() throws Exception {
        Run run = Run.of(folder, SCRIPT, "version");
        assertThat(run.status()).isZero();
        assertThat(run.out()).startsWith("jcrosvm ");
        assertThat(run.err()).isEmpty();
    }

    @Test
    void startsFromAnywhereThroughALink() throws Exception {
        Path place = Files.createDirectory(folder.resolve("a folder"));
        Files.createSymbolicLink(place.resolve("link"), Path.of(SCRIPT));
        Run run = Run.of(place, "./link", "version");
        assertThat(run.status()).isZero();
        assertThat(run.out()).startsWith("jcrosvm ");
    }

    @Test
    void hasItsStandardDescriptorsWhateverTheShellCloses() throws Exception {
        StandardDescriptors.areThere(folder, SCRIPT);
    }

    /** What the JVM or the program would not survive is one line, and what they survive is none. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", textBlock = """
            mkdir gone && cd gone && rmdir ../gone   | the working directory does not exist any more
            ulimit -v 1000000                        | address space (ulimit -v) is 1024000000 bytes
            ulimit -n 10                             | open files (ulimit -Hn) is 10
            ulimit -Sn 10                            | -
            ulimit -c 0                              | -
            export HOME=/nonexistent                 | -
            unset HOME                               | -
            export JAVA_TOOL_OPTIONS=-Dx=y           | -
            export JDK_JAVA_OPTIONS=-Dx=y            | -
            export _JAVA_OPTIONS=-Xmx1m              | -
            """)
    void endsWithOneLineWhereItCannotStart(String circumstances, String message) throws Exception {
        Run run = Run.of(folder, "bash", "-c", circumstances + "; exec \"$0\" version", SCRIPT);
        if (message == null) {
            assertThat(run.status()).as(run.err()).isZero();
            assertThat(run.out()).startsWith("jcrosvm ");
            assertThat(run.err()).isEmpty();
            return;
        }
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        // bash has a line of its own to say about the folder.
        assertThat(run.err().lines().filter(line -> !line.startsWith("shell-init: ")))
                .singleElement()
                .asString()
                .startsWith("jcrosvm: error: ")
                .contains(message);
    }

    /** The JVM drops a cache that does not fit without a word, unless told that it must not. */
    @Test
    void usesItsStartUpCache() throws Exception {
        Run run = Run.with(
                folder,
                Map.of("JCROSVM_JAVA_OPTIONS", "-XX:AOTMode=on -Xlog:class+load=info:stdout -Xlog:aot=info:stdout"),
                SCRIPT,
                "version");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("jcrosvm.app.Main source: shared objects file")
                .contains("full module graph: enabled");
    }

    /**
     * Starting does not deny native access to all modules but one, since that option makes the JVM ignore the better
     * part of the cache; but the program must not need what would be denied.
     */
    @Test
    void onlyBaseNeedsNativeAccess() throws Exception {
        for (String command : List.of("version", "selftest")) {
            Run run = Run.with(folder, Map.of("JCROSVM_JAVA_OPTIONS", "--illegal-native-access=deny"), SCRIPT, command);
            assertThat(run.err()).doesNotContain("IllegalCallerException").doesNotContain("native access");
        }
    }

    @Test
    void saysWhatToInstallWithoutAJdk() throws Exception {
        String library = SourceTree.ROOT.resolve("tools/lib/jdk.sh").toString();
        Run run = Run.of(folder, "bash", "-c", ". \"$1\"; jdk_needed=999; need_jdk", "bash", library);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("JDK 999").contains("install").hasLineCount(1);
    }

    @Test
    void findsAJdkByItsReleaseFile() throws Exception {
        Path fake = Files.createDirectories(folder.resolve("my jdk/bin")).getParent();
        for (String tool : List.of("java", "javac")) {
            assertThat(Files.createFile(fake.resolve("bin").resolve(tool))
                            .toFile()
                            .setExecutable(true))
                    .isTrue();
        }
        String library = SourceTree.ROOT.resolve("tools/lib/jdk.sh").toString();
        String script = "JAVA_HOME=\"$2\"; . \"$1\"; find_jdk; echo \"$jdk\"";
        Files.writeString(fake.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"26-ea\"\n");
        assertThat(Run.of(folder, "bash", "-c", script, "bash", library, fake.toString())
                        .out())
                .isEqualTo(fake + "\n");
        Files.writeString(fake.resolve("release"), "JAVA_VERSION=\"1.8.0_392\"\n");
        assertThat(Run.of(folder, "bash", "-c", script, "bash", library, fake.toString())
                        .out())
                .isNotEqualTo(fake + "\n");
    }

    @Test
    void summaryCountsAndExplains() throws Exception {
        Path report = folder.resolve("TEST-x.xml");
        Files.writeString(report, """
                <testsuite name="s" tests="5" errors="1" skipped="2" failures="1">
                <testcase name="a" classname="p.T"/>
                <testcase name="b" classname="p.T"><failure message="m">x</failure><system-out>o</system-out></testcase>
                <testcase name="c" classname="p.T"><skipped message="no &quot;KVM&quot; here"/></testcase>
                <testcase name="d" classname="p.T"><skipped><![CDATA[Assumption failed: no swap
                at line]]></skipped></testcase>
                <testcase name="e" classname="p.T"><error type="E"/></testcase>
                </testsuite>
                """);
        String program = SourceTree.ROOT.resolve("tools/lib/summary.awk").toString();
        Run run = Run.of(folder, "awk", "-f", program, report.toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out().lines())
                .containsExactly(
                        "FAILED: T.b",
                        "FAILED: T.e",
                        "skipped 1: no \"KVM\" here",
                        "skipped 1: no swap",
                        "1 passed, 2 failed, 2 skipped");
        assertThat(Run.of(folder, "awk", "-f", program, "/dev/null").status()).isEqualTo(1);
    }
}
