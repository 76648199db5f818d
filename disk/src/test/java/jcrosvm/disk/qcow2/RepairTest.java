package jcrosvm.disk.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import jcrosvm.disk.DiskException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Checking and repairing, and making disks longer and shorter. */
class RepairTest {
    @TempDir(factory = MemoryFolder.class)
    Path folder;

    @BeforeAll
    static void needsQemu() {
        QemuImg.required();
    }

    /** As after a power failure with lazy refcounts: none of them can be believed. */
    @ParameterizedTest
    @CsvSource({
        "65536, 16, false",
        "65536, 16, true",
        "512, 16, false",
        "512, 64, true",
        "4096, 1, false",
        "2097152, 8, true"
    })
    void dirtyImagesGetNewRefcounts(int clusterSize, int bits, boolean noBlocks) throws IOException {
        int size = 3 << 20;
        Qcow2Options options = new Qcow2Options(size, 3, clusterSize, bits, true, null, null);
        Path path = TestDisk.create(folder.resolve("d.qcow2"), options);
        byte[] model = new byte[size];
        Random random = new Random(bits);
        try (TestDisk disk = new TestDisk(path, model)) {
            for (int i = 0; i < 60; i++) {
                disk.step(random, clusterSize);
            }
        }
        byte[] bytes = Files.readAllBytes(path);
        ByteBuffer b = ByteBuffer.wrap(bytes);
        b.putLong(72, Qcow2Spec.INCOMPATIBLE_DIRTY);
        int table = (int) b.getLong(48);
        for (int at = table; at < table + b.getInt(56) * clusterSize; at += 8) {
            int block = (int) b.getLong(at);
            if (block != 0) {
                Arrays.fill(bytes, block, block + clusterSize, (byte) 0);
                if (noBlocks) {
                    b.putLong(at, 0);
                }
            }
        }
        Files.write(path, bytes);
        assertThat(QemuImg.check(path, false).corruptions()).isPositive();
        try (TestDisk disk = new TestDisk(path, model)) {
            disk.checkAll();
            assertThat(disk.disk.info().dirty()).isFalse();
            for (int i = 0; i < 60; i++) {
                disk.step(random, clusterSize);
            }
        }
        QemuImg.checkClean(path);
        QemuImg.checkContent(path, model);
    }

    @Test
    void leaksAreCountedAndFixed() throws IOException {
        Path path = TestDisk.create(folder.resolve("l.qcow2"), Qcow2Options.ofSize(1 << 20));
        byte[] bytes = Arrays.copyOf(Files.readAllBytes(path), 64 << 16);
        ByteBuffer b = ByteBuffer.wrap(bytes);
        int block = (int) b.getLong((int) b.getLong(48));
        b.putShort(block + 40, (short) 1).putShort(block + 60, (short) 7);
        Files.write(path, bytes);
        assertThat(QemuImg.run("check", path).exit()).isEqualTo(3);
        Qcow2CheckResult found = QemuImg.check(path, false);
        assertThat(found.leaks()).isEqualTo(2);
        assertThat(found.corruptions()).isZero();
        assertThat(QemuImg.check(path, true).leaksFixed()).isEqualTo(2);
        QemuImg.checkClean(path);
    }

    @ParameterizedTest
    @CsvSource({
        "3, 65536, false",
        "3, 512, false",
        "2, 4096, false",
        "3, 65536, true",
        "2, 65536, true",
        "3, 1024, true"
    })
    void resize(int version, int clusterSize, boolean backing) throws IOException {
        int size = 1_500_160;
        byte[] model = new byte[size];
        Qcow2Options options = new Qcow2Options(size, version, clusterSize, 16, false, null, null);
        Random random = new Random(clusterSize);
        if (backing) {
            byte[] below = new byte[5_000_192];
            random.nextBytes(below);
            Files.write(folder.resolve("below.raw"), below);
            options = options.withBacking("below.raw", "raw");
            model = Arrays.copyOf(below, size);
        }
        Path path = TestDisk.create(folder.resolve("r.qcow2"), options);
        for (int length : new int[] {4_000_256, 700_416, 703_488, 1024, 6_000_128, 512, 0, 2_000_384}) {
            try (TestDisk disk = new TestDisk(path, model)) {
                disk.resize(length);
                disk.checkAll();
                model = disk.model;
            }
            QemuImg.checkClean(path);
            QemuImg.checkContent(path, model);
            if (length == 0) {
                continue;
            }
            try (TestDisk disk = new TestDisk(path, model)) {
                for (int i = 0; i < 30; i++) {
                    disk.step(random, clusterSize);
                }
                disk.checkAll();
            }
            QemuImg.checkClean(path);
            QemuImg.checkContent(path, model);
        }
    }

    @Test
    void imagesWithSnapshotsDoNotShrink() {
        Path path = TestDisk.create(folder.resolve("s.qcow2"), Qcow2Options.ofSize(1 << 20));
        QemuImg.ok("snapshot", "-c", "one", path);
        try (Qcow2Disk disk = TestDisk.open(path, false)) {
            assertThatThrownBy(() -> disk.resize(1 << 19))
                    .isInstanceOf(DiskException.class)
                    .hasMessageContaining("snapshot");
            disk.resize(1 << 21);
        }
        QemuImg.checkClean(path);
    }
}
