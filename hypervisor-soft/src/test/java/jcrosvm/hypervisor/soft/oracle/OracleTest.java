package jcrosvm.hypervisor.soft.oracle;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import jcrosvm.hypervisor.soft.oracle.GuestMachine.Processor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Our processor against the one that runs this test. {@code -Dtests.seed=} repeats a run, {@code -Dtests.seconds=} is how long each
 * of the long ones takes at most.
 */
final class OracleTest {
    private static final long SHORT_SECONDS = 2;
    private static final long LONG_SEQUENCES = 10_000_000;
    private static final long LONG_SECONDS = Long.getLong("tests.seconds", 1800);

    @BeforeAll
    static void host() {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "needs an x86-64 host");
        assumeTrue(Files.isReadable(Path.of("/proc/cpuinfo")), "needs Linux's /proc/cpuinfo");
    }

    private static void run(Processor processor, long sequences, long seconds) throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("Oracle: " + processor + ", tests.seed=" + seed);
        try (Oracle oracle = new Oracle(seed, processor)) {
            long end = System.nanoTime() + seconds * 1_000_000_000;
            while (oracle.run < sequences && System.nanoTime() < end) {
                oracle.batch();
            }
            System.out.println("Oracle: " + oracle.coverage());
        }
    }

    @ParameterizedTest
    @EnumSource
    void forSeconds(Processor processor) throws Exception {
        run(processor, Long.MAX_VALUE, SHORT_SECONDS);
    }

    @ParameterizedTest
    @EnumSource
    @Tag("long")
    void forLong(Processor processor) throws Exception {
        run(processor, LONG_SEQUENCES, LONG_SECONDS);
    }
}
