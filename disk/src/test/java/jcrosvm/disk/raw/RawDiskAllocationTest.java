package jcrosvm.disk.raw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskOptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a request to a raw disk allocates. */
class RawDiskAllocationTest {
    @TempDir
    Path dir;

    @ParameterizedTest
    @CsvSource({"false, 0", "true, 0", "true, 1"})
    void requestsAllocateNothing(boolean direct, int skew) throws IOException {
        Path path = Files.write(dir.resolve("disk"), new byte[1 << 20]);
        try (RawDisk disk = RawDisk.open(path, new DiskOptions(false, direct, true, true))) {
            MemorySegment memory = Arena.ofAuto().allocate(64 << 10, 4096);
            IoVec vec = new IoVec(16);
            long least = Long.MAX_VALUE;
            for (int round = 0; round < 300 && least >= 4000; round++) {
                long before = allocated();
                for (int i = 0; i < 1000; i++) {
                    requests(disk, vec, memory, skew);
                }
                least = Math.min(least, allocated() - before);
            }
            // The measuring itself costs some; a request that allocates would cost 16 bytes a thousand times.
            assertThat(least).isLessThan(4000);
        } catch (DiskException e) {
            assumeThat(e.getMessage()).doesNotContain("has no direct I/O");
            throw e;
        }
    }

    // By reflection: the module of the disks does not read the JDK's management.
    private static long allocated() {
        try {
            Object threads = Class.forName("java.lang.management.ManagementFactory")
                    .getMethod("getThreadMXBean")
                    .invoke(null);
            return (long) Class.forName("com.sun.management.ThreadMXBean")
                    .getMethod("getCurrentThreadAllocatedBytes")
                    .invoke(threads);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static void requests(RawDisk disk, IoVec vec, MemorySegment memory, int skew) {
        vec.clear();
        vec.add(memory, skew, 4096);
        vec.add(memory, 8192 + skew, 4096);
        disk.read(4096, vec);
        vec.clear();
        vec.add(memory, skew, 4096);
        disk.write(8192, vec);
    }
}
