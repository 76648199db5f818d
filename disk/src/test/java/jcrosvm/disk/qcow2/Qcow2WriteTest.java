package jcrosvm.disk.qcow2;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Random operations against bytes in memory, and what QEMU says about the image afterwards. */
class Qcow2WriteTest {
    @TempDir(factory = MemoryFolder.class)
    Path folder;

    @BeforeAll
    static void needsQemu() {
        QemuImg.required();
    }

    @ParameterizedTest
    @CsvSource({
        "3, 65536, 16, 20971520",
        "3, 65536, 1, 20971521",
        "3, 512, 64, 3000007",
        "3, 512, 1, 700000",
        "3, 1024, 2, 5000000",
        "3, 4096, 4, 9000000",
        "3, 2097152, 8, 30000000",
        "3, 131072, 32, 10485760",
        "2, 65536, 16, 20971520",
        "2, 512, 16, 1000000",
    })
    void randomOperations(int version, int clusterSize, int refcountBits, int size) {
        Qcow2Options options = new Qcow2Options(size, version, clusterSize, refcountBits, false, null, null);
        Path path = TestDisk.create(folder.resolve("a.qcow2"), options);
        QemuImg.checkClean(path);
        QemuImg.checkContent(path, new byte[size]);
        byte[] model = new byte[size];
        Random random = new Random(clusterSize + refcountBits + version);
        for (int round = 0; round < 2; round++) {
            try (TestDisk disk = new TestDisk(path, model)) {
                for (int i = 0; i < 200; i++) {
                    disk.step(random, clusterSize);
                }
                disk.checkAll();
            }
            QemuImg.checkClean(path);
            QemuImg.checkContent(path, model);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "3, 65536, 10485760, 10485760",
        "3, 65536, 10485760, 6000001",
        "3, 65536, 6000001, 10485760",
        "3, 512, 700000, 500001",
        "2, 65536, 10485760, 6000001",
        "2, 4096, 1000000, 2000000",
    })
    void backingFiles(int version, int clusterSize, int size, int backingSize) throws IOException {
        Random random = new Random(size + backingSize);
        byte[] below = new byte[backingSize];
        random.nextBytes(below);
        Files.write(folder.resolve("base.raw"), below);
        Qcow2Options options = new Qcow2Options(size, version, clusterSize, 16, false, "base.raw", "raw");
        Path path = TestDisk.create(folder.resolve("top.qcow2"), options);
        byte[] model = new byte[size];
        System.arraycopy(below, 0, model, 0, Math.min(size, backingSize));
        QemuImg.checkContent(path, model);
        for (int round = 0; round < 2; round++) {
            try (TestDisk disk = new TestDisk(path, model)) {
                disk.checkAll();
                for (int i = 0; i < 150; i++) {
                    disk.step(random, clusterSize);
                }
                disk.checkAll();
            }
            QemuImg.checkClean(path);
            QemuImg.checkContent(path, model);
        }
    }
}
