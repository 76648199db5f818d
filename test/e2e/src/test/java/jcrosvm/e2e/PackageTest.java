package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The image that needs no JDK. */
class PackageTest {
    @TempDir
    private static Path folder;

    private static String program;

    @BeforeAll
    static void make() throws Exception {
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
        Path image = folder.resolve("first place");
        Run run = Run.of(folder, SourceTree.ROOT.resolve("tools/package").toString(), image.toString());
        assertThat(run.status()).as(run.err()).isZero();
        program = Files.move(image, folder.resolve("an image"))
                .resolve("bin/jcrosvm")
                .toString();
    }

    @Test
    void startsWithoutAJdk() throws Exception {
        Run run = Run.with(folder, Map.of("JAVA_HOME", "/nonexistent"), program, "version");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out()).startsWith("jcrosvm ");
        assertThat(run.err()).isEmpty();
    }

    @Test
    void startsThroughALink() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of(program));
        assertThat(Run.of(folder, link.toString(), "version").status()).isZero();
    }

    @Test
    void hasItsStandardDescriptorsWhateverTheShellCloses(@TempDir Path place) throws Exception {
        StandardDescriptors.areThere(place, program);
    }

    @Test
    void usesItsStartUpCacheInAnotherPlace() throws Exception {
        Run run = Run.with(
                folder,
                Map.of("JCROSVM_JAVA_OPTIONS", "-XX:AOTMode=on -Xlog:class+load=info:stdout -Xlog:aot=info:stdout"),
                program,
                "version");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("jcrosvm.app.Main source: shared objects file")
                .contains("full module graph: enabled");
    }

    @Test
    void holdsNoDesktop() throws IOException {
        String modules = Files.readString(Path.of(program).resolveSibling("../release"));
        assertThat(modules)
                .contains("jcrosvm.hypervisor.kvm", "jcrosvm.hypervisor.soft")
                .doesNotContain("java.desktop");
    }

    @Test
    void refusesToReplaceAnotherFolder() throws Exception {
        Path other = Files.createDirectory(folder.resolve("other"));
        Run run = Run.of(folder, SourceTree.ROOT.resolve("tools/package").toString(), other.toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("is no image of jcrosvm");
        assertThat(other).isEmptyDirectory();
    }
}
