package jcrosvm.hypervisor.soft.oracle;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Our processor against the one that runs this test. {@code -Dtests.seed=} repeats a run. */
final class OracleTest {
    private static final long SHORT_SECONDS = 3;
    private static final long LONG_SEQUENCES = 10_000_000;

    @BeforeAll
    static void host() {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "needs an x86-64 host");
        assumeTrue(Files.isReadable(Path.of("/proc/cpuinfo")), "needs Linux's /proc/cpuinfo");
    }

    private static void run(int engines, long sequences, long seconds) throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("Oracle: tests.seed=" + seed);
        try (Oracle oracle = new Oracle(seed, engines)) {
            long end = System.nanoTime() + seconds * 1_000_000_000;
            while (oracle.run < sequences && System.nanoTime() < end) {
                oracle.batch();
            }
            System.out.println("Oracle: " + oracle.coverage());
        }
    }

    @Test
    void interpreter() throws Exception {
        run(Oracle.INTERPRETED, Long.MAX_VALUE, SHORT_SECONDS);
    }

    @Test
    @Tag("long")
    void interpreterLong() throws Exception {
        run(Oracle.INTERPRETED, LONG_SEQUENCES, 24 * 3600);
    }
}
