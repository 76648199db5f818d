package jcrosvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.Test;

class ProgramCommandTest {
    private static final String HOME = System.getProperty("java.home");
    private static final String MAIN = "jcrosvm.app/jcrosvm.app.Main";

    private static List<String> command(String module, List<String> own, Map<String, String> properties) {
        return ProgramCommand.of(module, "jcrosvm.app.Main", own, properties::get)
                .arguments();
    }

    /** The start-up cache fits only a program that is started as it was recorded. */
    @Test
    void theLaunchersOptionsAreKept() {
        List<String> own = List.of(
                "java", "-XX:+UseSerialGC", "--module-path", "/m", "-XX:AOTCache=/c", "-m", MAIN, "run", "-m", "x");
        assertThat(command("jcrosvm.app", own, Map.of("java.home", HOME)))
                .startsWith(HOME + "/bin/java", "-XX:+UseSerialGC", "--module-path", "/m", "-XX:AOTCache=/c")
                .endsWith("-m", MAIN);
    }

    @Test
    void whatWouldHarmAChildIsLeftOut() {
        List<String> own = List.of(
                "java", "-agentlib:jdwp=server=y,address=5005", "-XX:AOTCacheOutput=x", "-XX:AOTMode=on", "-m", MAIN);
        assertThat(command("jcrosvm.app", own, Map.of("java.home", HOME)))
                .contains("-XX:AOTMode=on")
                .noneMatch(word -> word.startsWith("-agentlib") || word.startsWith("-XX:AOTCacheOutput"));
    }

    @Test
    void aProgramThatHasOursOnItsModulePath() {
        assertThat(command(
                        "jcrosvm.app",
                        List.of("java", "-m", "a/b"),
                        Map.of("java.home", HOME, "jdk.module.path", "/m")))
                .containsSubsequence("--module-path", "/m", "--enable-native-access=jcrosvm.base", "-m", MAIN);
        assertThat(command("jcrosvm.app", List.of(), Map.of("java.home", HOME)))
                .doesNotContain("--module-path")
                .endsWith("-m", MAIN);
    }

    @Test
    void aProgramThatHasOursOnItsClassPath() {
        assertThat(command("", List.of("java", "-jar", "x"), Map.of("java.home", HOME, "java.class.path", "/a:/b")))
                .containsSubsequence("--enable-native-access=ALL-UNNAMED", "-cp", "/a:/b", "jcrosvm.app.Main");
    }

    @Test
    void aRuntimeWithoutJavaIsAnError() {
        assertThatThrownBy(() -> command("", List.of(), Map.of("java.home", "/none")))
                .isInstanceOf(VmmException.class)
                .hasMessage("cannot start a process: there is no /none/bin/java");
    }

    /** Tests have no program on their class path. */
    @Test
    void aProgramThatHasOursNowhereIsAnError() {
        assertThatThrownBy(ProgramCommand::current)
                .isInstanceOf(VmmException.class)
                .hasMessage("cannot start a process: the program itself (jcrosvm.app) is not on the class path");
    }
}
