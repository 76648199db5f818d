package jcrosvm.disk.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Images that QEMU made, with every option that is claimed: read alike, then written to. */
class QemuMadeTest {
    private static final int SIZE = 6 << 20;

    @TempDir(factory = MemoryFolder.class)
    Path folder;

    @BeforeAll
    static void needsQemu() {
        QemuImg.required();
    }

    /** Content with runs of zeros and of text that can be compressed. */
    static byte[] content(int size, long seed) {
        Random random = new Random(seed);
        byte[] bytes = new byte[size];
        for (int at = 0; at < size; ) {
            int n = Math.min(size - at, 1 + random.nextInt(200_000));
            switch (random.nextInt(4)) {
                case 0 -> {}
                case 1 -> Arrays.fill(bytes, at, at + n, (byte) random.nextInt());
                case 2 -> {
                    for (int i = at; i < at + n; i++) {
                        bytes[i] = (byte) ('a' + random.nextInt(6));
                    }
                }
                default -> {
                    byte[] noise = new byte[n];
                    random.nextBytes(noise);
                    System.arraycopy(noise, 0, bytes, at, n);
                }
            }
            at += n;
        }
        return bytes;
    }

    private void useIt(Path image, byte[] model, int clusterSize, int steps) {
        try (Qcow2Disk disk = TestDisk.open(image, true)) {
            assertThat(Arrays.mismatch(TestDisk.content(disk), model)).isEqualTo(-1);
        }
        Random random = new Random(steps);
        try (TestDisk disk = new TestDisk(image, model)) {
            for (int i = 0; i < steps; i++) {
                disk.step(random, clusterSize);
            }
            disk.checkAll();
        }
        QemuImg.checkClean(image);
        QemuImg.checkContent(image, model);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "cluster_size=512",
                "cluster_size=4096",
                "cluster_size=65536",
                "cluster_size=2M",
                "compat=0.10",
                "compat=0.10,cluster_size=1024",
                "compat=1.1,refcount_bits=1",
                "compat=1.1,refcount_bits=4",
                "compat=1.1,refcount_bits=64,cluster_size=512",
                "compat=1.1,lazy_refcounts=on",
                "preallocation=metadata",
                "preallocation=falloc",
                "preallocation=full,cluster_size=8k",
                "compression_type=zlib",
                "compression_type=zstd",
            })
    void converted(String options) throws IOException {
        Path raw = folder.resolve("a.raw");
        Files.write(raw, content(SIZE, 1));
        for (boolean compress : new boolean[] {false, true}) {
            if (compress && options.contains("preallocation")) {
                continue;
            }
            Path image = folder.resolve("a" + compress + ".qcow2");
            if (compress) {
                QemuImg.ok("convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, raw, image);
            } else {
                QemuImg.ok("convert", "-f", "raw", "-O", "qcow2", "-o", options, raw, image);
            }
            int clusterSize;
            try (Qcow2Disk disk = TestDisk.open(image, true)) {
                clusterSize = (int) disk.info().clusterSize();
            }
            useIt(image, Files.readAllBytes(raw), clusterSize, 150);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"off", "metadata", "falloc", "full"})
    void empty(String preallocation) {
        Path image = folder.resolve("e.qcow2");
        QemuImg.ok("create", "-f", "qcow2", "-o", "preallocation=" + preallocation, image, SIZE);
        useIt(image, new byte[SIZE], 65536, 100);
    }

    @Test
    void chain() throws IOException {
        byte[] bottom = content(SIZE - 100_352, 7);
        Files.write(folder.resolve("0.raw"), bottom);
        QemuImg.ok("create", "-f", "qcow2", "-b", "0.raw", "-F", "raw", folder.resolve("1.qcow2"), SIZE);
        byte[] model = Arrays.copyOf(bottom, SIZE);
        useIt(folder.resolve("1.qcow2"), model, 65536, 40);
        for (int i = 2; i < 9; i++) {
            Path image = folder.resolve(i + ".qcow2");
            String below = (i - 1) + ".qcow2";
            QemuImg.ok(
                    "create", "-f", "qcow2", "-o", "cluster_size=" + (1 << 8 + i), "-b", below, "-F", "qcow2", image);
            useIt(image, model, 1 << 8 + i, 40);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"compat=1.1", "compat=0.10", "compat=1.1,cluster_size=512", "compression_type=zstd"})
    void snapshots(String options) throws IOException {
        Path raw = folder.resolve("a.raw");
        byte[] model = content(SIZE, 3);
        Files.write(raw, model);
        Path image = folder.resolve("s.qcow2");
        QemuImg.ok("convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, raw, image);
        byte[][] taken = new byte[3][];
        int clusterSize = options.endsWith("512") ? 512 : 65536;
        for (int i = 0; i < taken.length; i++) {
            QemuImg.ok("snapshot", "-c", "snap " + i, image);
            taken[i] = model.clone();
            useIt(image, model, clusterSize, 80);
        }
        try (Qcow2Disk disk = TestDisk.open(image, false)) {
            assertThat(disk.info().snapshots())
                    .extracting(Qcow2Summary.SavedState::name)
                    .containsExactly("snap 0", "snap 1", "snap 2");
            assertThat(disk.info().snapshots().getFirst().diskSize()).isEqualTo(SIZE);
        }
        for (int i = 0; i < taken.length; i++) {
            Path out = folder.resolve("out.raw");
            QemuImg.ok("convert", "-l", "snap " + i, "-f", "qcow2", "-O", "raw", image, out);
            assertThat(Arrays.mismatch(Files.readAllBytes(out), taken[i])).isEqualTo(-1);
        }
        QemuImg.ok("snapshot", "-a", "snap 1", image);
        useIt(image, taken[1], clusterSize, 80);
        QemuImg.ok("snapshot", "-d", "snap 0", image);
        QemuImg.ok("snapshot", "-d", "snap 1", image);
        QemuImg.ok("snapshot", "-d", "snap 2", image);
        useIt(image, taken[1], clusterSize, 80);
    }
}
