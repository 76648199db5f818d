package jcrosvm.architecture;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The files of the project, read as text or as classes. */
final class SourceTree {
    static final Path ROOT = find();
    private static final Pattern MODULE = Pattern.compile("<module>([^<]+)</module>");

    private SourceTree() {}

    /** Folders of the modules that ship, in dependency order. */
    static List<String> modules() {
        return MODULE.matcher(text(ROOT.resolve("pom.xml")))
                .results()
                .map(match -> match.group(1))
                .filter(module -> !module.startsWith("test/") && !module.equals("bench"))
                .toList();
    }

    /** The main sources of all modules. */
    static List<Path> mainSources() {
        return modules().stream()
                .flatMap(module -> files(ROOT.resolve(module).resolve("src/main/java"), ".java"))
                .toList();
    }

    /** The compiled main classes of a module. */
    static List<Path> classes(String module) {
        List<Path> classes =
                files(ROOT.resolve(module).resolve("target/classes"), ".class").toList();
        if (classes.isEmpty()) {
            throw new IllegalStateException("module " + module + " is not compiled");
        }
        return classes;
    }

    static Stream<Path> files(Path folder, String ending) {
        if (!Files.isDirectory(folder)) {
            return Stream.empty();
        }
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(file -> file.toString().endsWith(ending)).sorted().toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A path as it is written in the documents. */
    static String name(Path file) {
        return ROOT.relativize(file).toString();
    }

    /** Artifacts of others that a pom names, with where they stand. */
    static TreeMap<String, String> thirdPartyArtifacts() {
        TreeMap<String, String> artifacts = new TreeMap<>();
        Pattern dependency = Pattern.compile(
                "<(dependency|path)>\\s*<groupId>([^<]+)</groupId>\\s*<artifactId>([^<]+)</artifactId>");
        Stream<Path> poms = Stream.concat(
                Stream.of(ROOT.resolve("pom.xml")),
                MODULE.matcher(text(ROOT.resolve("pom.xml")))
                        .results()
                        .map(match -> ROOT.resolve(match.group(1)).resolve("pom.xml")));
        for (Path pom : poms.toList()) {
            Matcher matcher = dependency.matcher(text(pom));
            while (matcher.find()) {
                if (!matcher.group(2).equals("jcrosvm")) {
                    artifacts.put(matcher.group(3), name(pom));
                }
            }
        }
        return artifacts;
    }

    private static Path find() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.exists(folder.resolve("jcrosvm"))) {
            folder = folder.getParent();
            if (folder == null) {
                throw new IllegalStateException("not started inside the source tree");
            }
        }
        return folder;
    }
}
