package jcrosvm.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What the sources and documents look like. */
class SourcesTest {
    private static final int MOST_LINES = 600;

    /** Files that may be longer, each with a reason beside it. */
    private static final Set<String> LONG_FILES = Set.of();

    @Test
    void filesAreShort() throws IOException {
        for (Path file : SourceTree.mainSources()) {
            try (var lines = Files.lines(file)) {
                if (!LONG_FILES.contains(SourceTree.name(file))) {
                    assertThat(lines.count())
                            .as("lines of %s", SourceTree.name(file))
                            .isLessThanOrEqualTo(MOST_LINES);
                }
            }
        }
    }

    @Test
    void everyPackageIsDescribedAndNullMarked() {
        Set<Path> packages = new TreeSet<>();
        for (Path file : SourceTree.mainSources()) {
            if (!file.endsWith("module-info.java")) {
                packages.add(file.getParent());
            }
        }
        assertThat(packages).isNotEmpty();
        for (Path folder : packages) {
            Path description = folder.resolve("package-info.java");
            assertThat(description).exists();
            assertThat(SourceTree.text(description))
                    .as(SourceTree.name(description))
                    .startsWith("/**")
                    .contains("@NullMarked");
        }
    }

    @Test
    void nothingIsLeftForLater() {
        Pattern later = Pattern.compile("\\b(TODO|FIXME|XXX|HACK)\\b");
        for (Path file : SourceTree.mainSources()) {
            assertThat(SourceTree.text(file)).as(SourceTree.name(file)).doesNotContainPattern(later);
        }
    }

    /** In comments and texts the subject is the actor: the driver, the device, the host, a thread. */
    @Test
    void actorsAreNamed() {
        Pattern unnamed = Pattern.compile("\\b([Ww]hoever|[Nn]obody|[Ss]omebody|[Aa]nybody)\\b|(/\\*\\*|\\*|//) Who ");
        for (Path file : SourceTree.mainSources()) {
            assertThat(SourceTree.text(file)).as(SourceTree.name(file)).doesNotContainPattern(unnamed);
        }
    }

    @Test
    void everyDependencyIsExplained() {
        String explained = SourceTree.text(SourceTree.ROOT.resolve("docs/dependencies.md"));
        SourceTree.thirdPartyArtifacts()
                .forEach((artifact, pom) -> assertThat(explained)
                        .as("docs/dependencies.md explains what %s names", pom)
                        .contains("`" + artifact + "`"));
    }

    @Test
    void everyModuleIsOnTheMap() {
        String map = SourceTree.text(SourceTree.ROOT.resolve("ARCHITECTURE.md"));
        for (String module : SourceTree.modules()) {
            assertThat(map).as("ARCHITECTURE.md has a row for %s", module).contains("| `" + module + "`");
        }
    }

    /** A link or a path in code quotes that leads nowhere is a document that has fallen behind. */
    @Test
    void documentsNameFilesThatExist() {
        Pattern link = Pattern.compile("\\]\\((?!https?:)([^)#]+)(#[^)]*)?\\)");
        List<Path> documents =
                SourceTree.files(SourceTree.ROOT.resolve("docs"), ".md").toList();
        for (Path document : documents) {
            checkLinks(document, link);
        }
        for (String name : List.of("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")) {
            checkLinks(SourceTree.ROOT.resolve(name), link);
        }
    }

    private static void checkLinks(Path document, Pattern link) {
        link.matcher(SourceTree.text(document))
                .results()
                .forEach(match -> assertThat(document.resolveSibling(match.group(1)))
                        .as("%s links to it", SourceTree.name(document))
                        .exists());
    }
}
