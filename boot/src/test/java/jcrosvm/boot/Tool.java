package jcrosvm.boot;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Runs a program that serves as the oracle of a test. */
public final class Tool {
    private Tool() {}

    /** Skips the calling test unless the program is installed. */
    public static String require(String name) {
        return Stream.concat(Stream.of(System.getenv("PATH").split(":", -1)), Stream.of("/usr/sbin"))
                .map(folder -> Path.of(folder, name))
                .filter(Files::isExecutable)
                .findFirst()
                .map(Path::toString)
                .orElseGet(() -> {
                    assumeTrue(false, name + " is not installed");
                    return name;
                });
    }

    /** What the program printed. */
    public static String run(Path folder, String... command) {
        try {
            Path output = Files.createTempFile(folder, "output", ".txt");
            Process process = new ProcessBuilder(List.of(command))
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            int code = process.waitFor();
            String text = Files.readString(output, StandardCharsets.ISO_8859_1);
            if (code != 0) {
                throw new AssertionError(String.join(" ", command) + " exits with " + code + ":\n" + text);
            }
            return text;
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
