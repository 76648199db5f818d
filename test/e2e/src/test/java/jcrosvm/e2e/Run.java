package jcrosvm.e2e;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A program that has run to its end. */
record Run(int status, String out, String err) {
    private static final int MINUTES = 10;

    /** Runs a program with nothing on its standard input. The program under test is never built by a test. */
    static Run of(Path folder, String... command) throws Exception {
        return with(folder, Map.of(), command);
    }

    /** The same with more environment variables. */
    static Run with(Path folder, Map<String, String> environment, String... command) throws Exception {
        Path out = Files.createTempFile("out", null);
        Path err = Files.createTempFile("err", null);
        try {
            ProcessBuilder builder = new ProcessBuilder(command)
                    .directory(folder.toFile())
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile());
            builder.environment().put("JCROSVM_BUILD", "never");
            builder.environment().putAll(environment);
            Process process = builder.start();
            if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
                process.destroyForcibly();
                throw new AssertionError(String.join(" ", command) + " does not end; it wrote: " + Files.readString(out)
                        + Files.readString(err));
            }
            return new Run(process.exitValue(), Files.readString(out), Files.readString(err));
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }
}
