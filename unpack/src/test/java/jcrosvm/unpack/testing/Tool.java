package jcrosvm.unpack.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A program that serves as the oracle of a test. */
public final class Tool {
    private Tool() {}

    /** What came of a run. */
    public record Result(int code, String output) {}

    /** Skips the calling test unless the program is installed; its path. */
    public static String require(String name) {
        return Stream.concat(Stream.of(System.getenv("PATH").split(":", -1)), Stream.of("/usr/sbin", "/sbin"))
                .map(folder -> Path.of(folder).resolve(name))
                .filter(Files::isExecutable)
                .findFirst()
                .map(Path::toString)
                .orElseGet(() -> {
                    assumeTrue(false, name + " is not installed");
                    return name;
                });
    }

    /** Runs it; the first word is required. */
    public static Result tryRun(Path folder, String... command) {
        try {
            String[] words = command.clone();
            words[0] = require(words[0]);
            Path output = Files.createTempFile("output", ".txt");
            Process process = new ProcessBuilder(List.of(words))
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            int code = process.waitFor();
            String text = Files.readString(output, StandardCharsets.ISO_8859_1);
            Files.delete(output);
            return new Result(code, text);
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** What it printed; it must succeed. */
    public static String run(Path folder, String... command) {
        Result result = tryRun(folder, command);
        if (result.code() != 0) {
            throw new AssertionError(
                    String.join(" ", command) + " exits with " + result.code() + ":\n" + result.output());
        }
        return result.output();
    }
}
