package jcrosvm.guest.ext4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The judges of ext4: e2fsck and debugfs of e2fsprogs. */
final class E2fsprogs {
    private E2fsprogs() {}

    static void assume() {
        assumeTrue(Files.isExecutable(Path.of("/usr/sbin/e2fsck")), "e2fsprogs is not installed");
    }

    static void assertClean(Path image) throws Exception {
        String output = run("/usr/sbin/e2fsck", "-fn", image.toString());
        // What is optional to mend is said in lines that end with "? no".
        assertThat(output).contains("Pass 5", " files (").doesNotContain("? no", "WARNING", "ERROR");
    }

    static String debugfs(Path image, String request) throws Exception {
        return run("/usr/sbin/debugfs", "-R", request, image.toString());
    }

    private static String run(String... command) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of(command));
        ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
        builder.environment().put("LC_ALL", "C");
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }
}
