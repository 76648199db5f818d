package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import javax.tools.ToolProvider;
import jcrosvm.guest.DiskSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A Debian in which whole programs run one after the other, each with code of its own: openssl, gcc, Python, Node.js,
 * Java, dpkg, xz and three hundred forks. All compute what is known before.
 */
@Tag("soft")
class SoftWorkTest {
    private static final int CPUS = 2;
    private static final int MEMORY_MIB = 1024;
    private static final int NUMBERS = 20_000;
    private static final int PART = 1 << 20;

    /** The sum that every language computes: 300000 steps of a generator. */
    private static final String C = """
            #include <stdint.h>
            #include <stdio.h>
            int main(void) {
                uint64_t x = 1, sum = 0;
                for (int i = 0; i < 300000; i++) { x = x * 16807 % 2147483647; sum = (sum + x) % 1000000007; }
                printf("%llu\\n", (unsigned long long)sum);
            }
            """;

    private static final String PYTHON = """
            import hashlib, sys
            x, total = 1, 0
            for i in range(300000):
                x = x * 16807 % 2147483647
                total = (total + x) % 1000000007
            print(total, hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())
            """;
    private static final String NODE = """
            const crypto = require('crypto'), fs = require('fs');
            let x = 1, sum = 0;
            for (let i = 0; i < 300000; i++) { x = x * 16807 % 2147483647; sum = (sum + x) % 1000000007; }
            console.log(sum, crypto.createHash('sha256').update(fs.readFileSync(process.argv[2])).digest('hex'));
            """;
    private static final String JAVA = """
            public class Sum {
                public static void main(String[] names) throws Exception {
                    long x = 1, sum = 0;
                    for (int i = 0; i < 300000; i++) { x = x * 16807 % 2147483647; sum = (sum + x) % 1000000007; }
                    byte[] file = java.nio.file.Files.readAllBytes(java.nio.file.Path.of(names[0]));
                    byte[] hash = java.security.MessageDigest.getInstance("SHA-256").digest(file);
                    System.out.println(sum + " " + java.util.HexFormat.of().formatHex(hash));
                }
            }
            """;
    private static final int JAVA_OF_DEBIAN_12 = 17;

    @TempDir
    private Path folder;

    @Test
    void programsComputeWhatTheyShould() throws Exception {
        run(1);
    }

    @Test
    @Tag("long")
    void programsComputeItTwentyTimesInARow() throws Exception {
        run(20);
    }

    private void run(int rounds) throws Exception {
        Map<String, String> expected = expected();
        Map<String, byte[]> files = Map.of(
                "sum.c", bytes(C), "sum.py", bytes(PYTHON), "sum.js", bytes(NODE), "Sum.class", compile("Sum", JAVA));
        String script = "rounds=" + rounds + "\n" + resource("work-round.sh");
        try (DiskSession disk = WorkDisk.open();
                LaunchedVm vm = new LaunchedVm(
                        folder, disk.running(script, files), CPUS, MEMORY_MIB, "--block", "path=" + disk.disk())) {
            assertThat(vm.awaitMarker("UP")).as(vm.output()).isEqualTo("running");
            for (int round = 1; round <= rounds; round++) {
                vm.awaitMarker("ROUND", round);
                System.out.printf("round %d of programs: %s%n", round, vm.costs());
            }
            assertThat(vm.awaitMarker("DONE")).isEqualTo("0");
            vm.awaitGoodEnd();
            Map<String, Integer> counts = new HashMap<>();
            vm.output().lines().filter(line -> line.startsWith("@@ RESULT ")).forEach(line -> {
                String[] parts = line.split(" ", 4);
                assertThat(line).isEqualTo("@@ RESULT " + parts[2] + " " + expected.get(parts[2]));
                counts.merge(parts[2], 1, Integer::sum);
            });
            assertThat(counts).containsOnlyKeys(expected.keySet());
            assertThat(counts.values()).containsOnly(rounds);
        }
    }

    private static Map<String, String> expected() throws Exception {
        long x = 1;
        long sum = 0;
        for (int i = 0; i < 300_000; i++) {
            x = x * 16807 % 2147483647;
            sum = (sum + x) % 1_000_000_007;
        }
        int value = 1;
        for (int i = 400; i > 0; i--) {
            value = value * (2 * i + 1) + i;
        }
        String hash = VirtioScenes.sha256(bytes(numbers(NUMBERS)));
        Map<String, String> results = new HashMap<>();
        results.put("speed", "3");
        results.put("openssl", hash);
        results.put("long", Integer.toUnsignedString(value));
        results.put("c", Long.toString(sum));
        for (String language : new String[] {"python", "node", "java"}) {
            results.put(language, sum + " " + hash);
        }
        results.put("dpkg", "install ok installed same");
        results.put("purged", "0 0");
        results.put("xz", VirtioScenes.sha256(packed()));
        results.put("forks", Integer.toString(300 * 301 / 2));
        return results;
    }

    /** What the script packs. */
    private static byte[] packed() throws Exception {
        Cipher aes = Cipher.getInstance("AES/CTR/NoPadding");
        aes.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(new byte[16], "AES"), new IvParameterSpec(new byte[16]));
        byte[] all = Arrays.copyOf(aes.doFinal(new byte[PART]), 2 * PART);
        System.arraycopy(bytes(numbers(200_000)), 0, all, PART, PART);
        return all;
    }

    private static String numbers(int last) {
        return IntStream.rangeClosed(1, last).mapToObj(i -> i + "\n").collect(Collectors.joining());
    }

    private byte[] compile(String name, String source) throws Exception {
        Path file = Files.writeString(folder.resolve(name + ".java"), source);
        int status = ToolProvider.getSystemJavaCompiler()
                .run(null, null, null, "--release", "" + JAVA_OF_DEBIAN_12, "-proc:none", file.toString());
        assertThat(status).isZero();
        return Files.readAllBytes(folder.resolve(name + ".class"));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String resource(String name) throws java.io.IOException {
        try (InputStream in = SoftWorkTest.class.getResourceAsStream(name)) {
            assertThat(in).as(name).isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
